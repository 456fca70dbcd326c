"""Answering deliveries: what of a batch the broker has not been answered yet, and the words for it.

    taken ──▶ open ──+ACK, -NAK, +TERM──▶ answered
               └──+WPI, again and again: whoever works on it lives──▶ open

All of it goes out on the connection on which the messages came, or not at all: behind a new one there may be a wiped
broker, in which the same numbers name other events. For the same reason nothing is answered of a consumer that was
deleted, alone or with its stream: another one of its name would take the answer for its own.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus.errors import BusUnavailable
from cashback.kernel.bus.frame import publish_frame
from cashback.kernel.bus.link import Link
from cashback.kernel.telemetry import logger

ACK: Final = b"+ACK"
TERM: Final = b"+TERM dead letter"
_IN_PROGRESS: Final = b"+WPI"
_NOW: Final = b"-NAK"
_NS_IN_S: Final = 1_000_000_000

log = logger(__name__)


class Answers:
    """The deliveries in one worker's hand, and the answers to them."""

    def __init__(self, consumer: str) -> None:
        """Have nothing in hand."""
        self._consumer = consumer
        self._link: Link | None = None
        self._open: dict[str, Msg] = {}

    @property
    def open(self) -> list[Msg]:
        """Return what was taken and not answered."""
        return list(self._open.values())

    async def are_in_progress(self) -> None:
        """Tell the broker that what is open is worked on."""
        await are_in_progress(self._link, self.open)

    def took(self, messages: Sequence[Msg], link: Link | None) -> None:
        """Have `messages` in hand, which came on `link`; what was in hand before is not any more."""
        self._link = link
        self._open = {message.reply: message for message in messages}

    def forget(self) -> None:
        """Have nothing in hand any more, and answer nothing of it: what it was given by is gone."""
        self._open = {}

    async def say(self, answers: Iterable[tuple[Msg, bytes]]) -> None:
        """Answer deliveries, each once; where the connection is lost the broker's own deadline does the rest."""
        said = [(message, word) for message, word in answers if self._open.pop(message.reply, None) is not None]
        if said and not await send(self._link, said):
            log.warning("acknowledgements.lost", consumer=self._consumer)


def later(wait_s: float) -> bytes:
    """Return the negative acknowledgement that asks for a delivery after a while."""
    return b'-NAK {"delay": %d}' % int(wait_s * _NS_IN_S)


async def send(link: Link | None, answers: Sequence[tuple[Msg, bytes]]) -> bool:
    """Send answers in one go; tell whether they left, on a link that may be lost."""
    if link is None:
        return False
    try:
        await link.send([publish_frame(message.reply, word) for message, word in answers])
    except BusUnavailable:
        return False
    return True


async def put_back_now(link: Link | None, messages: Sequence[Msg]) -> None:
    """Have messages delivered again at once, to whoever asks; lost answers are made up for by the broker's deadline."""
    if messages:
        await send(link, [(message, _NOW) for message in messages])


async def are_in_progress(link: Link | None, messages: Sequence[Msg]) -> None:
    """Tell the broker that `messages` are worked on, so that its deadline for their answers begins anew."""
    if messages:
        await send(link, [(message, _IN_PROGRESS) for message in messages])
