"""A JSON-RPC endpoint between the adapter and the node that misbehaves on command, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias

import aiohttp
import msgspec

Whim: TypeAlias = Literal["pass", "refuse", "swallow"] | dict[str, Any]
"""Forward; hang up before anything was forwarded; forward and hang up without an answer; answer with this error."""


class Proxy:
    """Forwards to a node, unless the method asked for has a whim."""

    def __init__(self, upstream: str) -> None:
        """Forward everything to `upstream`, for now."""
        self.url = ""
        self.asked: list[str] = []
        self._upstream = upstream
        self._whims: dict[str, list[Whim]] = {}
        self._lasting: dict[str, Whim] = {}
        self._tags: dict[str, dict[str, Any] | None] = {}
        self._tag_met: dict[str, asyncio.Event] = {}

    def once(self, method: str, *whims: Whim) -> None:
        """Let the next calls of `method` meet these whims, one each."""
        self._whims.setdefault(method, []).extend(whims)

    def always(self, method: str, whim: Whim) -> None:
        """Let every call of `method` meet this whim; `*` means every method."""
        self._lasting[method] = whim

    def tag(self, tag: str, block: dict[str, Any] | None) -> None:
        """Answer the block of a tag such as `finalized` with this one; None lets the node answer again."""
        self._tags[tag] = block
        self._tag_met[tag] = asyncio.Event()

    async def met(self, tag: str) -> None:
        """Return once that answer was given three times: by then somebody has acted on it."""
        async with asyncio.timeout(10):
            for _ in range(3):
                self._tag_met[tag].clear()
                await self._tag_met[tag].wait()

    @classmethod
    @asynccontextmanager
    async def before(cls, upstream: str) -> AsyncIterator["Proxy"]:
        """Give a proxy in front of `upstream`, listening."""
        proxy = cls(upstream)
        async with aiohttp.ClientSession() as session:
            server = await asyncio.start_server(lambda r, w: proxy._serve(r, w, session), "127.0.0.1", 0)
            proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with server:
                yield proxy

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: aiohttp.ClientSession
    ) -> None:
        """Serve one connection, one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(next(line for line in head.lower().split(b"\r\n") if b"content-length" in line).split(b":")[1])
            body = await reader.readexactly(length)
            answer = await self._answer(body, session)
            if answer is not None:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
                writer.write(b"content-length: %d\r\n\r\n%s" % (len(answer), answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: bytes, session: aiohttp.ClientSession) -> bytes | None:
        """Return what to answer, None to hang up."""
        asked = msgspec.json.decode(body)
        calls: list[dict[str, Any]] = asked if isinstance(asked, list) else [asked]
        self.asked += [call["method"] for call in calls]
        tag = str(calls[0]["params"][0]) if calls[0]["method"] == "eth_getBlockByNumber" else ""
        if self._tags.get(tag):
            self._tag_met[tag].set()
            return msgspec.json.encode({"jsonrpc": "2.0", "id": calls[0]["id"], "result": self._tags[tag]})
        whim = next((found for call in calls if (found := self._whim(call["method"])) != "pass"), "pass")
        if whim == "refuse":
            return None
        if isinstance(whim, dict):
            answers = [{"jsonrpc": "2.0", "id": call["id"], **whim} for call in calls]
            return msgspec.json.encode(answers if isinstance(asked, list) else answers[0])
        async with session.post(self._upstream, data=body, headers={"content-type": "application/json"}) as response:
            answer = await response.read()
        return None if whim == "swallow" else answer

    def _whim(self, method: str) -> Whim:
        """Return what the next call of `method` meets."""
        if self._whims.get(method):
            return self._whims[method].pop(0)
        return self._lasting.get(method, self._lasting.get("*", "pass"))
