"""The streams, declared as data: what the broker must hold, and how what it holds may differ.

| stream       | subjects            | holds                                            |
|--------------|---------------------|--------------------------------------------------|
| CASHBACK     | `cashback.v1.>`     | every event, `cashback.v1.<type>.<partition>`    |
| CASHBACK_DLQ | `cashback.dlq.v1.>` | what a consumer gave up on, with the reason      |

A full stream refuses new messages instead of dropping old ones: then the outbox waits and nothing is lost. So what may
be held is chosen to last for the age: a minted purchase is four events of 2,880 bytes together, as the store counts
them; 32 purchases/s, the mean that this is built for, are 51.9 GiB in seven days, 65 % of what is declared.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import msgspec

SUBJECT_PREFIX: Final = "cashback.v1"
DEAD_SUBJECT_PREFIX: Final = "cashback.dlq.v1"

MESSAGE_BYTES_MAX: Final = 1024**2
"""Of one message with its headers: an event's data are 64 KiB at most, and a dead letter says some KiB more."""

IN_A_CLUSTER: Final = 3
"""Servers that hold each stream of a cluster: one of them may be lost."""

Replicas: TypeAlias = int | Literal["auto"]
"""On how many servers a stream is to be; `auto` is 3 in a cluster and 1 on a server that stands alone."""

_GIB: Final = 1024**3
_HOUR_S: Final = 3_600
_NS_IN_S: Final = 1_000_000_000


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream as we want it."""

    name: str
    subjects: tuple[str, ...]
    bytes_max: int
    age_max_s: int
    duplicate_window_s: int = 600


class Fill(msgspec.Struct, frozen=True):
    """How much a stream holds of what it may hold; nothing limits it where `bytes_max` is negative."""

    name: str
    bytes: int
    bytes_max: int

    @property
    def percent(self) -> int:
        """Return the share of the room that is used, rounded down.

        >>> Fill("CASHBACK", 7, 8).percent, Fill("CASHBACK", 7, -1).percent
        (87, 0)
        """
        return 100 * self.bytes // self.bytes_max if self.bytes_max > 0 else 0


class Difference(msgspec.Struct, frozen=True):
    """A setting that the broker holds otherwise than it is declared."""

    setting: str
    found: object
    declared: object

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"{self.setting} is {self.found!r}, declared {self.declared!r}"


class StreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found or made; `differences` are sentences, empty when all is as declared."""

    name: str
    created: bool
    differences: tuple[str, ...]


EVENTS: Final = Stream(
    name="CASHBACK", subjects=(f"{SUBJECT_PREFIX}.>",), bytes_max=80 * _GIB, age_max_s=7 * 24 * _HOUR_S
)
DEAD_LETTERS: Final = Stream(
    name="CASHBACK_DLQ", subjects=(f"{DEAD_SUBJECT_PREFIX}.>",), bytes_max=1 * _GIB, age_max_s=30 * 24 * _HOUR_S
)
STREAMS: Final = (EVENTS, DEAD_LETTERS)
"""As they are declared where no setting says otherwise."""


def replicas_of(said: Replicas, *, is_clustered: bool) -> int:
    """Return on how many servers a stream is to be.

    `auto` goes by whether there is a cluster and not by how many of its servers are up: otherwise a stream made while
    they start would be on one for ever, and one that is down would make every stream differ. So there is no falling
    back: a cluster that cannot hold three copies refuses.
    """
    if said == "auto":
        return IN_A_CLUSTER if is_clustered else 1
    return said


def to_config(stream: Stream, *, replicas: int) -> dict[str, object]:
    """Return the stream in the words of JetStream's API (durations in nanoseconds)."""
    return {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "retention": "limits",
        "discard": "new",
        "storage": "file",
        "num_replicas": replicas,
        "max_bytes": stream.bytes_max,
        # Limits that nobody wants, set by hand: a full stream refuses, so that the outbox would wait for ever.
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": MESSAGE_BYTES_MAX,
        "max_age": stream.age_max_s * _NS_IN_S,
        "duplicate_window": stream.duplicate_window_s * _NS_IN_S,
        "deny_delete": True,
        "deny_purge": True,
        # Servers before 2.12 do not know it, leave it out of their answer, and are published to one by one.
        "allow_atomic": True,
    }


def fill_of(info: Mapping[str, Any]) -> Fill:
    """Return how full a stream is, by JetStream's answer about it."""
    config = info["config"]
    return Fill(str(config["name"]), int(info["state"]["bytes"]), int(config.get("max_bytes", -1)))


def unlike(declared: Mapping[str, object], found: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return each declared setting that the broker holds otherwise."""
    return tuple(
        Difference(name, found.get(name), value) for name, value in declared.items() if found.get(name) != value
    )


def differences(declared: Mapping[str, object], found: Mapping[str, object]) -> tuple[str, ...]:
    """Return a sentence for each declared setting that the broker holds otherwise."""
    return tuple(str(one) for one in unlike(declared, found))


def event_subject(type_: str, partition: int) -> str:
    """Return the subject of an event."""
    return f"{SUBJECT_PREFIX}.{type_}.{partition}"


@lru_cache(maxsize=1_024)
def type_of(subject: str) -> str:
    """Return the type of the events on a subject.

    >>> type_of("cashback.v1.token.minted.7")
    'token.minted'
    """
    return subject.removeprefix(f"{SUBJECT_PREFIX}.").rpartition(".")[0]


def type_filters(types: tuple[str, ...]) -> list[str]:
    """Return the subjects that hold the events of `types`; those of the whole stream when none is named."""
    return [f"{SUBJECT_PREFIX}.{type_}.*" for type_ in types] or [f"{SUBJECT_PREFIX}.>"]
