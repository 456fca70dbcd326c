"""One connection to the broker from its opening to its loss; a lost one is thrown away and never mended.

nats-py keeps half-dead connections: a flusher that died, publishes that time out for ever after its own reconnect, a
pull that the broker forgot. So its reconnecting is switched off, and whoever owns a link replaces it (`Bus`).
Everything that waits on a lost link is told at once instead of waiting for its deadline.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Final, TypeAlias

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from cashback.kernel.bus.errors import BusUnavailable
from cashback.kernel.clock import monotonic_s
from cashback.kernel.telemetry import logger
from cashback.kernel.unreached import ENDED, why_unreached

OPEN_TIMEOUT_S: Final = 2.0
CLOSE_TIMEOUT_S: Final = 1.0
ASK_TIMEOUT_S: Final = 2.5
INBOX_PREFIX: Final = "_INBOX"

NAME_KEPT_BYTES_MAX: Final = 64
"""Names of headers that are longer are read anew each time: they are no names of ours."""

LOST: Final = (nats.errors.Error, OSError, RuntimeError)
"""What nats-py raises on a connection that is gone; the last is uvloop's word for a socket that was closed already."""

log = logger(__name__)

Listener: TypeAlias = Callable[[Msg], Awaitable[None]]


class Address(msgspec.Struct, frozen=True):
    """Where the broker is (servers, comma-separated), who comes to it and how, and where it is answered."""

    url: str
    name: str
    user: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    inbox_prefix: str = INBOX_PREFIX


def _header_name(raw: bytes) -> str | None:
    """Return the name of a header as nats-py reads it, None where that passes over it."""
    return next(iter(Client._parse_header_lines(raw + b":")), None)  # noqa: SLF001 - whoever takes its place says the same


_known_name = lru_cache(maxsize=64)(_header_name)
"""The same, kept for the life of the process: there are few names, and what a sender makes up must be short for it."""


class _Wire(Client):
    """nats-py's client with a way out of our own.

    Its `publish` costs 50 microseconds a message, encoding headers anew, and its `_flush_pending` swallows the
    cancellation by which a timeout makes itself heard. Both leave the sending to a task, and where that ended while
    somebody waited for it nothing that is published is sent until 2 MiB of it are there. It looks at each character of
    the name of each header that comes, which took a third of an event's time. And though it was told to come by TLS, it
    tells its password in plain text to a server that asks for none.
    """

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Return what nats-py makes of received headers."""
        headers: dict[str, str] = {}
        for line in raw.split(b"\r\n"):
            name, separator, value = line.partition(b":")
            read = _known_name if len(name) <= NAME_KEPT_BYTES_MAX else _header_name
            known = read(name) if separator else None
            if known is not None:
                headers[known] = value.strip().decode("utf-8", "replace")
        return headers

    def _connect_command(self) -> bytes:
        """Return the words of introduction, the password among them.

        Raises:
            Error: they would go out in plain text, and were not meant to.
        """
        is_wanted = "tls" in self.options or (
            self._current_server is not None and self._current_server.uri.scheme == "tls"
        )
        if is_wanted and not self._server_info.get("tls_required"):
            raise nats.errors.Error("nats: the server offers no TLS")
        words: bytes = super()._connect_command()
        return words

    async def send_frames(self, frames: bytes) -> None:
        """Write what nats-py has buffered and then `frames`, and return when the socket can take more."""
        if self._transport is None:
            raise nats.errors.ConnectionClosedError
        buffered, self._pending, self._pending_data_size = self._pending, [], 0
        self._transport.writelines([*buffered, frames])
        await self._transport.drain()  # type: ignore[no-untyped-call]  # nats-py types nothing here

    async def abandon(self) -> None:
        """Close whatever has been opened."""
        # nats-py's `close` asserts that `connect` came at least as far as this queue.
        if self._flush_queue is not None:
            await self.close()


class Link:
    """A connection with its reply address; made by `open_link`."""

    def __init__(self) -> None:
        """Stand ready for `open_link`."""
        self.lost = asyncio.Event()
        self.offers_atomic = True
        """Whether the stream takes atomic batches; a refusal makes it False for the rest of this link's life."""
        self.silent_since_s: float | None = None
        """When something was asked for the first time since the last answer; None while there is no such question."""
        self._wire = _Wire()
        self._last_word: Exception | None = None
        self._inbox = ""
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    @property
    def is_open(self) -> bool:
        """Tell whether the link may be used; the broker's side may be gone already without our knowing."""
        return not self.lost.is_set()

    def reply_address(self) -> str:
        """Return a fresh subject whose messages end up in a call of `ask`."""
        return f"{self._inbox}.{next(self._numbers)}"

    async def send(self, frames: Sequence[bytes]) -> None:
        """Hand frames over to the connection; nothing says whether they arrive.

        Raises:
            BusUnavailable: the link is lost.
        """
        if self.lost.is_set():
            raise BusUnavailable("the connection to the broker was lost")
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self._wire.send_frames(b"".join(frames))
        except LOST as cause:
            self.drop()
            raise BusUnavailable("the connection to the broker was lost") from cause

    async def ask(self, frames: Sequence[bytes], addresses: Sequence[str], *, timeout_s: float) -> list[Msg]:
        """Send `frames` and return one answer for each of `addresses`, in their order.

        Raises:
            BusUnavailable: the link was lost, or not every answer came in time; what was asked may have happened.
        """
        loop = asyncio.get_running_loop()
        futures = {address: loop.create_future() for address in addresses}
        self._waiting.update(futures)
        if self.silent_since_s is None:
            self.silent_since_s = monotonic_s()
        try:
            async with asyncio.timeout(timeout_s):
                await self.send(frames)
                return [await future for future in futures.values()]
        except TimeoutError as cause:
            raise BusUnavailable(f"the broker did not answer within {timeout_s} s") from cause
        finally:
            for address, future in futures.items():
                self._waiting.pop(address, None)
                future.cancel()

    async def listen(self, subject: str, listener: Listener) -> Subscription:
        """Have `listener` called with each message on `subject`, one after the other, until it is unsubscribed.

        Raises:
            BusUnavailable: the link is lost.
        """
        try:
            return await self._wire.subscribe(subject, cb=listener)
        except LOST as cause:
            raise BusUnavailable("the connection to the broker was lost") from cause

    @property
    def is_clustered(self) -> bool:
        """Tell whether the server is one of a cluster, however many of the others are up."""
        return "cluster" in self._wire._server_info  # noqa: SLF001 - what the server said of itself; nats-py offers no more

    def new_inbox(self) -> str:
        """Return a subject that nobody else listens on."""
        return self._wire.new_inbox()

    def drop(self) -> None:
        """Give the link up: everyone who waits on it is told now, and its owner replaces it. Safe to repeat."""
        self.lost.set()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(BusUnavailable("the connection to the broker was lost"))
                # Whoever waits sees it; where nobody waits any more, asyncio must not complain that nobody looked.
                future.exception()

    async def close(self) -> None:
        """Close the connection, politely for at most a second; safe to repeat."""
        self.drop()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._wire.abandon()
        except LOST:
            pass

    async def open(self, address: Address, *, turn: int = 0) -> None:
        """Connect to one of the servers of `address` and listen for replies; call it once.

        `turn` says which is tried first. One that refuses is followed by the next; one that lets in and then says
        nothing (a machine that hangs) takes all the time there is, so whoever tries again says the next turn.

        Raises:
            BusUnavailable: none of them let us in within the timeout, or the one that would is not to be trusted.
        """
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._wire.connect(
                    in_turn(address.url.split(","), turn),
                    name=address.name,
                    user=address.user or None,
                    password=address.password or None,
                    tls=address.tls,
                    inbox_prefix=address.inbox_prefix,
                    allow_reconnect=False,
                    # Once more each and then an error; by default it stays in here, two seconds apart, for ever.
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    dont_randomize=True,
                    connect_timeout=int(OPEN_TIMEOUT_S),
                    error_cb=self._commented,
                    closed_cb=self._closed,
                )
                self._inbox = self.new_inbox()
                await self._wire.subscribe(f"{self._inbox}.*", cb=self._answered)
        except Exception as cause:
            # nats-py raises what it likes, and the keeper of the bus must outlive all of it.
            await self.close()
            raise BusUnavailable(f"the broker cannot be reached: {self._why_closed_to_us(cause)}") from cause
        except asyncio.CancelledError:
            await self.close()
            raise

    async def _answered(self, message: Msg) -> None:
        """Hand an answer to whoever waits for it; one that comes too late is dropped, and breaks the silence too."""
        self.silent_since_s = None
        future = self._waiting.get(message.subject)
        if future is not None and not future.done():
            future.set_result(message)

    async def _closed(self) -> None:
        """Note that nats-py saw the end of the connection."""
        self.drop()

    async def _commented(self, cause: Exception) -> None:
        """Pass on what the broker forbids us, keep the last word: a link is lost or it is not, its owner logs that."""
        self._last_word = cause
        if "permissions violation" in str(cause).lower():
            log.warning("broker.forbade", reason=str(cause))

    def _why_closed_to_us(self, cause: Exception) -> str:
        """Return why none of the servers let us in, in words of ours or in the broker's own."""
        # That there is none left is what nats-py says in the end; why the last was none, it has said before.
        known = (self._last_word if isinstance(cause, nats.errors.NoServersError) else None) or cause
        return why_unreached(known) or str(known) or ENDED


def in_turn(servers: Sequence[str], turn: int) -> list[str]:
    """Return `servers` beginning with another one each turn, so that none is left out for long.

    >>> in_turn(["a", "b", "c"], 4)
    ['b', 'c', 'a']
    """
    first = turn % len(servers)
    return [*servers[first:], *servers[:first]]
