"""A browser that nobody looks at: Debian's `chromium`, asked over pipes by the DevTools protocol."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from cashback.kernel.config import environment

CHROMIUM: Final = shutil.which("chromium")
WITHIN_S: Final = 30.0

_FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
)
_ON_PIPES: Final = """
import fcntl, os, sys
asked, told = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(asked, 3)
os.dup2(told, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser reads at 3 and writes at 4, whatever the numbers of our ends are."""


class Tab:
    """One tab; `asked` is every address that it has asked for, `complaints` what the browser had to say about pages."""

    def __init__(self, told: asyncio.StreamReader, asked: asyncio.StreamWriter) -> None:
        """Speak over these."""
        self._told, self._asked = told, asked
        self._session: str | None = None
        self._sent = 0
        self.asked: list[str] = []
        self.complaints: list[str] = []

    async def open(self) -> None:
        """Open the tab, and hear of what it does."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **parameters: Any) -> Any:  # noqa: ANN401  # the protocol's own documents
        """Return what comes of a command.

        Raises:
            AssertionError: the browser refused it.
        """
        self._sent += 1
        command: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        self._asked.write(json.dumps(command).encode() + b"\0")
        while (message := await self._next()).get("id") != self._sent:
            pass
        assert "error" not in message, message
        return message["result"]

    async def visit(self, address: str) -> None:
        """Show a page, and return once it is there with all that it needs."""
        await self.call("Page.navigate", url=address)
        while (await self._next()).get("method") != "Page.loadEventFired":
            pass

    async def look(self, *, width: int, is_dark: bool = False, media: str = "screen") -> None:
        """Have a window of so many pixels, of somebody who likes it dark or light, or paper."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    async def find(self, expression: str) -> Any:  # noqa: ANN401  # whatever it comes to
        """Return what an expression comes to on the page; the page's policy does not bind who looks at it."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def press(self, key: str) -> None:
        """Press a key."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": {"Tab": 9, "Enter": 13}[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    async def _next(self) -> dict[str, Any]:
        """Return the next thing that the browser tells, and remember what it is about."""
        async with asyncio.timeout(WITHIN_S):
            message: dict[str, Any] = json.loads((await self._told.readuntil(b"\0"))[:-1])
        told = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        if message.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
            self.complaints.append(str(told))
        return message


@asynccontextmanager
async def open_tab(folder: Path) -> AsyncIterator[Tab]:
    """Give a tab of a browser of its own, which keeps what it keeps in `folder`."""
    assert CHROMIUM is not None
    loop = asyncio.get_running_loop()
    asked_out, asked_in = os.pipe()
    told_out, told_in = os.pipe()
    browser = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            _ON_PIPES,
            str(asked_out),
            str(told_in),
            CHROMIUM,
            *_FLAGS,
            f"--user-data-dir={folder}",
        ),
        pass_fds=(asked_out, told_in),
        env={**environment(), "HOME": str(folder)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(asked_out)
    os.close(told_in)
    reader = asyncio.StreamReader(limit=2**26)
    protocol = asyncio.StreamReaderProtocol(reader)
    told, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(told_out, "rb"))
    transport, flow = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(asked_in, "wb"))
    tab = Tab(reader, asyncio.StreamWriter(transport, flow, reader, loop))
    try:
        await tab.open()
        yield tab
    finally:
        browser.terminate()
        await browser.wait()
        told.close()
        transport.close()
