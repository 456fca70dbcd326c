"""New heads by websocket (`eth_subscribe`), as hints: each says that it is worth asking, none is believed.

    connect ──▶ subscribe ──▶ a head ──▶ beat ──▶ a head ──▶ beat ...
       ▲            │                │
       └──pause─────┴── refused ─────┴── cut, or no pong: 0.25 s at first, doubling to 30 s

Whoever is woken asks as always, and polls when nothing wakes it: a websocket that dies, lies or was never there costs
time and nothing else.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from cashback.kernel.backoff import delay_ms
from cashback.kernel.telemetry import logger
from cashback.kernel.unreached import ENDED, why_unreached

MESSAGE_BYTES_MAX: Final = 1_048_576
_PAUSE_FIRST_MS: Final = 250
_PAUSE_MAX_MS: Final = 30_000
_CONNECT_WITHIN_S: Final = 10.0
_PING_EVERY_S: Final = 10.0
_SUBSCRIBE: Final = '{"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}'
_BROKEN: Final = (aiohttp.ClientError, msgspec.MsgspecError, OSError, TimeoutError, ValueError)

log = logger(__name__)


class _Message(msgspec.Struct, frozen=True):
    """The answer to the subscription, which has its id, or one of its heads, which has a method."""

    id: int | None = None
    result: object = None
    error: object = None
    method: str | None = None


class HeadHints:
    """One websocket. Its name is the host: paths of a URL are secrets and appear nowhere."""

    def __init__(self, url: str, *, place: int, beat: Callable[[], None]) -> None:
        """Call `beat` with each head that is announced at the URL at `place` in the settings."""
        self.name = f"{place}:{urlsplit(url).hostname}:{urlsplit(url).port}"
        self.is_subscribed = False
        self._url = url
        self._beat = beat
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set, connecting again whenever that ends."""
        stopping = asyncio.create_task(stop.wait())
        async with aiohttp.ClientSession() as session:
            while not stop.is_set():
                listening = asyncio.create_task(self._listen(session))
                await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not listening.done():
                    listening.cancel()
                    await asyncio.gather(listening, return_exceptions=True)
                    break
                pause_s = self._failed(listening.result())
                await asyncio.wait({stopping}, timeout=pause_s)

    async def _listen(self, session: aiohttp.ClientSession) -> str:
        """Beat with every head; return why there are no more."""
        try:
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                socket = await session.ws_connect(self._url, heartbeat=_PING_EVERY_S, max_msg_size=MESSAGE_BYTES_MAX)
            async with socket:
                await socket.send_str(_SUBSCRIBE)
                async for message in socket:
                    self._hear(message)
        except _BROKEN as cause:
            # An error's words may hold the URL, and with it a key.
            return (why_unreached(cause) or str(cause) or ENDED).replace(self._url, self.name)[:200]
        finally:
            self.is_subscribed = False
        return "the connection was closed"

    def _hear(self, message: aiohttp.WSMessage) -> None:
        """Beat with a head, and once when the subscription stands: heads may have come before.

        Raises:
            ValueError: the subscription was refused, or this is no message of one.
        """
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ValueError(f"a message of type {message.type.name}")
        said = msgspec.json.decode(message.data, type=_Message)
        if said.error is not None:
            raise ValueError(f"the subscription was refused: {said.error}")
        if said.id is not None:
            self.is_subscribed = True
            self._failures = 0
            log.info("hints.subscribed", endpoint=self.name)
        self._beat()

    def _failed(self, problem: str) -> float:
        """Say once that no hints come, and return how many seconds to wait before connecting again."""
        self._failures += 1
        tell = log.warning if self._failures == 1 else log.info
        tell("hints.interrupted", endpoint=self.name, problem=problem, times=self._failures)
        pause_ms = delay_ms(self._failures, first_ms=_PAUSE_FIRST_MS, longest_ms=_PAUSE_MAX_MS, jitter_per_mille=0)
        return pause_ms / 1_000
