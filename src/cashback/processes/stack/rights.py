"""What each process may say to the broker and hear from it, subject by subject, and nothing else.

    relay     cashback.v1.<each of its types>.*─┐
    worker    cashback.dlq.v1.<its durable>.>   ├──▶ broker    everybody: _INBOX.<itself>.>, to be answered, and to
              its own durables, their acks     ─┘               find out whether its connection still lives

Nobody but `admin` changes, purges or deletes a stream, removes a consumer or a message, or reads another's answers.
deploy/nats.users.conf spells the same out; tests/architecture/test_compose_broker.py compares.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from cashback.events import KINDS
from cashback.kernel.bus.streams import DEAD_LETTERS, DEAD_SUBJECT_PREFIX, EVENTS, STREAMS, SUBJECT_PREFIX
from cashback.processes.broker import inbox_prefix

RELAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "relay-cashback": ("/cashback/purchases", "/cashback/ledger"),
    "relay-minting": ("/cashback/minting",),
}
"""Who publishes, and for which sources: their types alone, so that one relay's password does not speak for another."""

DURABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "worker-ledger": ("ledger-approvals", "ledger-outcomes"),
    "worker-mint": ("minting-requests",),
    "worker-webhooks": ("webhooks-deliveries",),
}
"""Who consumes, and under which durable names: a worker that is added here gets what it needs for them, no more."""

_LOOK: Final = ("$JS.API.INFO", *(f"$JS.API.STREAM.INFO.{stream.name}" for stream in STREAMS))
"""Whether JetStream is there, and how its streams are declared."""


class Rights(msgspec.Struct, frozen=True):
    """Subjects that a user may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def broker_rights() -> dict[str, Rights]:
    """Return the rights of each user of the broker but `admin`; users have the names of their processes."""
    relays = {name: _rights(name, _of_a_relay(sources)) for name, sources in RELAYS.items()}
    workers = {name: _rights(name, _of_a_worker(durables)) for name, durables in DURABLES.items()}
    return relays | workers


def _rights(user: str, subjects: tuple[str, ...]) -> Rights:
    """Return the right to `subjects`, and to one's own answers."""
    answers = f"{inbox_prefix(user)}.>"
    return Rights(publish=(*subjects, *_LOOK, answers), subscribe=(answers,))


def _of_a_relay(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a relay says: its sources' events, and that the streams be made where they are missing."""
    events = (f"{SUBJECT_PREFIX}.{kind.TYPE}.*" for kind in KINDS if kind.SOURCE in sources)
    return (*events, *(f"$JS.API.STREAM.CREATE.{stream.name}" for stream in STREAMS))


def _of_a_worker(durables: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a worker says: dead letters of its own, and what has to do with its durables.

    It reads a single stored message to tell how old the first is that it has not applied.
    """
    own = (
        subject
        for name in durables
        for subject in (
            f"{DEAD_SUBJECT_PREFIX}.{name}.>",
            f"$JS.API.CONSUMER.CREATE.{EVENTS.name}.{name}",
            f"$JS.API.CONSUMER.INFO.{EVENTS.name}.{name}",
            f"$JS.API.CONSUMER.MSG.NEXT.{EVENTS.name}.{name}",
            f"$JS.ACK.{EVENTS.name}.{name}.>",
        )
    )
    return (*own, f"$JS.API.STREAM.MSG.GET.{EVENTS.name}", f"$JS.API.STREAM.CREATE.{DEAD_LETTERS.name}")
