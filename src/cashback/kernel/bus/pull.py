"""Pulling: a consumer's messages as they come, with one request outstanding and an eye on its silence.

    idle ──ask for up to N, 3 s, heartbeat every second──▶ waiting ──N came, or the server ended it──▶ idle
                                                             └── silence for 2.5 s: forgotten, ask anew ──▶ idle

nats-py's `fetch` loses its request when the broker restarts and waits out its whole timeout; this is our own. The next
request goes out as soon as the last one is used up, so messages travel while the batch before them is worked on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from cashback.kernel.bus.answers import are_in_progress
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import BusUnavailable, StreamMissing
from cashback.kernel.bus.frame import publish_frame
from cashback.kernel.bus.link import LOST, Link
from cashback.kernel.clock import monotonic_s
from cashback.kernel.telemetry import logger

EXPIRES_S: Final = 3.0
HEARTBEAT_S: Final = 1.0
SILENCE_MAX_S: Final = 2.5
SILENCES_MAX: Final = 2

_NS_IN_S: Final = 1_000_000_000
_HEARTBEAT: Final = "100"
_ORDERLY: Final = frozenset({"404", "408"})
_GONE: Final = frozenset({"Consumer Deleted", "Stream Deleted"})
_NO_RESPONDERS: Final = "503"

log = logger(__name__)


def _nothing() -> None:
    """Do nothing: nobody here answers what is taken."""


class Pull:
    """What arrives for one consumer; at most twice `batch_max` messages are held."""

    def __init__(
        self, bus: Bus, *, stream: str, consumer: str, batch_max: int, deleted: Callable[[], None] = _nothing
    ) -> None:
        """Ask for nothing yet; the consumer must exist by the first `take`.

        When the broker says that it was deleted, `deleted` is called: what was taken must not be answered any more.
        """
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._consumer = consumer
        self._batch_max = batch_max
        self._deleted = deleted
        self._arrived: deque[Msg] = deque()
        self._woken = asyncio.Event()
        self._link: Link | None = None
        self._came_on: Link | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._requests = 0
        self._wanted = 0
        self._heard_at_s = 0.0
        self._silences = 0
        self._is_gone = False

    async def take(self, *, wait_s: float, linger_s: float = 0.0) -> list[Msg]:
        """Return what has arrived, up to `batch_max`; waits at most `wait_s` for a first message.

        If it had to wait for one it waits another `linger_s`, so that what was published together is taken together.

        Raises:
            StreamMissing: the consumer is not there (any more).
            BusUnavailable: there is no connection.
        """
        await self._request()
        if not self._arrived:
            await self._wait(wait_s)
            if 0 < len(self._arrived) < self._batch_max and linger_s > 0:
                await asyncio.sleep(linger_s)
        count = min(len(self._arrived), self._batch_max)
        if count:
            self._came_on = self._link
            with suppress(BusUnavailable):
                # What is lost now, the next call will find out; what arrived is there.
                await self._request(taking=count)
        # Last, so that what is given away is nobody's who was deleted meanwhile.
        return [self._arrived.popleft() for _ in range(min(len(self._arrived), count))]

    @property
    def came_on(self) -> Link | None:
        """Return the connection on which the messages came that were returned last."""
        return self._came_on

    async def are_in_progress(self) -> None:
        """Tell the broker that what arrived waits for its turn here, and need not go to anybody else."""
        await are_in_progress(self._link, list(self._arrived))

    async def close(self) -> list[Msg]:
        """Stop listening and return what arrived and was not taken; safe to repeat."""
        await self._unsubscribe()
        self._came_on, self._link = self._link, None
        rest, self._arrived = list(self._arrived), deque()
        return rest

    async def _wait(self, wait_s: float) -> None:
        """Return when something was heard, or after `wait_s`."""
        self._woken.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _request(self, *, taking: int = 0) -> None:
        """Have a request outstanding, unless enough has arrived already beside what is about to be taken."""
        if self._is_gone:
            self._is_gone = False
            raise StreamMissing(f"the consumer {self._consumer} is not there")
        link = self._bus.link
        if link is not self._link:
            await self._subscribe(link)
        if self._wanted > 0 and monotonic_s() - self._heard_at_s > SILENCE_MAX_S:
            await self._forget(link)
        if self._wanted <= 0 and len(self._arrived) - taking < self._batch_max:
            await self._ask(link)

    async def _subscribe(self, link: Link) -> None:
        """Listen on a new connection; what came or was asked for on the old one is lost, and will come again."""
        await self._unsubscribe()
        self._arrived.clear()
        self._inbox = link.new_inbox()
        self._wanted = 0
        self._subscription = await link.listen(f"{self._inbox}.*", self._received)
        self._link = link

    async def _unsubscribe(self) -> None:
        """Stop listening, as far as there is somebody to tell."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._link is None or not self._link.is_open:
            return
        try:
            await subscription.unsubscribe()
        except LOST:
            return

    async def _forget(self, link: Link) -> None:
        """Give up a request that was answered by neither message nor heartbeat; the second time, the connection.

        Raises:
            BusUnavailable: the connection was given up.
        """
        self._wanted = 0
        self._silences += 1
        log.warning("pull.fell_silent", consumer=self._consumer, silences=self._silences)
        if self._silences >= SILENCES_MAX:
            self._silences = 0
            link.drop()
            raise BusUnavailable("the broker fell silent")

    async def _ask(self, link: Link) -> None:
        """Send one request for as much as may be held."""
        body = {
            "batch": self._batch_max,
            "expires": int(EXPIRES_S * _NS_IN_S),
            "idle_heartbeat": int(HEARTBEAT_S * _NS_IN_S),
        }
        self._requests += 1
        self._wanted = self._batch_max
        self._heard_at_s = monotonic_s()
        await link.send([publish_frame(self._subject, msgspec.json.encode(body), reply=self._address())])

    def _address(self) -> str:
        """Return where the answers to the present request go, so that those to older ones can be told apart."""
        return f"{self._inbox}.{self._requests}"

    async def _received(self, message: Msg) -> None:
        """Note a message, or what the server says about the request."""
        # By the place to answer to, which the server's own words lack: headers may be anybody's.
        is_status = not message.reply and not message.data and "Status" in (message.headers or {})
        if not is_status:
            self._arrived.append(message)
            self._wanted -= 1
        elif message.subject == self._address():
            self._heed(message.headers or {})
        self._heard_at_s = monotonic_s()
        self._silences = 0
        if not is_status:
            self._woken.set()

    def _heed(self, status: dict[str, str]) -> None:
        """Draw the consequence of a status message: any but a heartbeat ends the request.

        Only an orderly end is followed by a new request at once; after an error the next `take` makes it.
        """
        if status["Status"] == _HEARTBEAT:
            return
        self._wanted = 0
        is_deleted = status.get("Description") in _GONE
        if is_deleted:
            # With its stream, perhaps: in one that is made anew the same numbers are other events.
            self._arrived.clear()
            self._deleted()
        self._is_gone = status["Status"] == _NO_RESPONDERS or is_deleted
        if self._is_gone or status["Status"] in _ORDERLY:
            self._woken.set()
