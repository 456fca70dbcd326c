"""A shop's cash desks in a process of their own: purchases over HTTP, at a fixed pace or as fast as they are answered.

    bench ──Offer (JSON)──▶ python -m tests.benchmarks.load ──64 connections, or as many as told──▶ cashback api
          ◀──Answers─────────────────┘

The client is raw asyncio over httptools: a fifth of what a full client costs, so that two cores measure the API and not
its caller. At a fixed pace a request counts from the instant it was due, whether or not a connection was free
then: a server that stalls is seen stalling.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from statistics import quantiles
from typing import Final

import httptools
import msgspec
import uvloop

from cashback.kernel.lifecycle import heap
from cashback.processes.embedded import HOST
from tests.benchmarks.shop import AMOUNT_MINOR, Cast

CONNECTIONS: Final = 64
_CREATED: Final = 201
_PATIENCE_S: Final = 120.0


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where; `pace` is requests a second, None as fast as possible. `run` makes the keys unique.

    Each of the kept-alive `connections` sends its next request when its last one was answered.
    """

    port: int
    api_key: str
    cast: Cast
    run: str
    duration_s: float
    pace: float | None = None
    path: str = "/v1/purchases"
    connections: int = CONNECTIONS


class Posted(msgspec.Struct, frozen=True, array_like=True):
    """One purchase that was accepted: its id, and when its POST was due (seconds since the epoch)."""

    purchase_id: str
    at_s: float


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: every accepted purchase, how many other answers, and the latencies of all, in order."""

    posted: list[Posted]
    refused: int
    elapsed_s: float
    latencies_s: list[float]

    @property
    def rate(self) -> float:
        """Return accepted purchases a second."""
        return len(self.posted) / self.elapsed_s

    def latency_ms(self, percent: int) -> float:
        """Return how long at most so many of a hundred answers took."""
        return 1_000 * quantiles(self.latencies_s, n=100)[percent - 1]


class _Created(msgspec.Struct, frozen=True):
    """What the client needs to know of an answer."""

    id: str = ""


async def offered(offer: Offer) -> Answers:
    """Return what became of an offer, made by another process.

    Raises:
        RuntimeError: the other process failed; its words are in the error.
    """
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.benchmarks.load")
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    said, errors = await process.communicate(msgspec.json.encode(offer))
    if process.returncode:
        raise RuntimeError(f"the load failed: {errors.decode()[-2000:]}")
    return msgspec.json.decode(said, type=Answers)


class _Desk(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self, answered: Callable[["_Desk", int, bytes], None], lost: Callable[[], None]) -> None:
        self._answered = answered
        self._lost = lost
        self._transport: asyncio.WriteTransport | None = None
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self.due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP transport writes

    def send(self, request: bytes, *, due_s: float) -> None:
        self.due_s = due_s
        if self._transport is not None:
            self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lost()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        self._answered(self, self._parser.get_status_code(), body)


class _Load:
    """The requests of one offer and what became of them."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._numbers = count()
        self._head = _head(offer)
        self._bodies = [_body(offer, user_id) for user_id in offer.cast.user_ids]
        self._free: deque[_Desk] = deque()
        self._due: deque[float] = deque()
        self._open = 0
        self._is_all_sent = False
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._until_s = 0.0
        self._epoch_s = time.time() - self._loop.time()
        self._posted: list[Posted] = []
        self._latencies_s: list[float] = []
        self._refused = 0

    async def run(self) -> Answers:
        """Send everything, wait for every answer, and return them."""
        for _ in range(self._offer.connections):
            _, desk = await self._loop.create_connection(
                lambda: _Desk(self._answered, self._lost), HOST, self._offer.port
            )
            self._free.append(desk)
        begin_s = self._loop.time()
        self._until_s = begin_s + self._offer.duration_s
        if self._offer.pace is None:
            while self._free:
                self._send(self._free.popleft(), begin_s)
        else:
            self._pace(begin_s, 0)
        async with asyncio.timeout(self._offer.duration_s + _PATIENCE_S):
            await self._ended
        return Answers(
            posted=self._posted,
            refused=self._refused,
            elapsed_s=self._loop.time() - begin_s,
            latencies_s=self._latencies_s,
        )

    def _pace(self, begin_s: float, sent: int) -> None:
        """Send what is due by now, and come back for the rest."""
        pace = self._offer.pace or 1.0
        while (due_s := begin_s + sent / pace) <= self._loop.time() and due_s < self._until_s:
            sent += 1
            if self._free:
                self._send(self._free.popleft(), due_s)
            else:
                self._due.append(due_s)
        self._is_all_sent = due_s >= self._until_s
        if not self._is_all_sent:
            self._loop.call_at(due_s, self._pace, begin_s, sent)

    def _send(self, desk: _Desk, due_s: float) -> None:
        """Send the next purchase, of the next user."""
        number = next(self._numbers)
        body = self._bodies[number % len(self._bodies)] % number
        self._open += 1
        desk.send(
            b"%sIdempotency-Key: %s-%d\r\n\r\n%s" % (self._head, self._offer.run.encode(), number, body), due_s=due_s
        )

    def _answered(self, desk: _Desk, status: int, body: bytes) -> None:
        """Note an answer and put the connection to its next use."""
        now_s = self._loop.time()
        self._open -= 1
        self._latencies_s.append(now_s - desk.due_s)
        if status == _CREATED:
            self._posted.append(Posted(msgspec.json.decode(body, type=_Created).id, desk.due_s + self._epoch_s))
        else:
            self._refused += 1
        if self._offer.pace is None and now_s < self._until_s:
            self._send(desk, now_s)
        elif self._due:
            self._send(desk, self._due.popleft())
        else:
            self._free.append(desk)
            if self._open == 0 and (self._is_all_sent or self._offer.pace is None):
                self._ended.set_result(None)

    def _lost(self) -> None:
        """End with an error: every connection is kept alive, and nobody here closes one before the end."""
        if not self._ended.done():
            self._ended.set_exception(ConnectionError("the API closed a connection"))


def _head(offer: Offer) -> bytes:
    """Return the head of every request, up to its idempotency key."""
    length = len(_body(offer, offer.cast.user_ids[0]) % 0)
    return (
        f"POST {offer.path} HTTP/1.1\r\nHost: {HOST}:{offer.port}\r\nAuthorization: Bearer {offer.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
    ).encode()


def _body(offer: Offer, user_id: str) -> bytes:
    """Return the body of a purchase, to be filled in with its number: all are of one length."""
    return msgspec.json.encode(
        {
            "merchant_id": offer.cast.merchant_id,
            "user_id": user_id,
            "amount_minor": str(AMOUNT_MINOR),
            "currency": "USD",
            "occurred_at": "2026-03-01T12:00:00Z",
            "reference": f"order {offer.run}-%012d",
        }
    )


async def _main() -> None:
    """Read an offer from standard input, make it, and write the answers to standard output.

    What was imported is looked through once, before: a collection takes 50 to 70 ms, and who waits then for an answer
    would find the server slow.
    """
    offer = msgspec.json.decode(sys.stdin.buffer.read(), type=Offer)
    heap.settle()
    sys.stdout.buffer.write(msgspec.json.encode(await _Load(offer).run()))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
