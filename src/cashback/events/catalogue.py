"""What all events have in common: the base of their structs, encoding, and the way back from any version.

A form of a type's data is called its version, and has a struct. The newest names the one before it with the function
that turns one into the other; data of an old version is decoded by its own struct and handed upwards, step by step.
Since versions are counted along that chain, there is none without its way up.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast

import msgspec

from cashback.kernel.errors import Invalid
from cashback.kernel.ids import new_id
from cashback.kernel.outbox import Event


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every event's data.

    `TYPE` is the CloudEvents type, `SOURCE` the publisher, `KEY` the field that names the aggregate whose events keep
    their order; `BEFORE` the version before this one with the way up from it, None in a first version.
    """

    TYPE: ClassVar[str]
    SOURCE: ClassVar[str]
    KEY: ClassVar[str]
    BEFORE: ClassVar["Upcaster | None"] = None


class Upcaster(msgspec.Struct, frozen=True):
    """The way from a version of a type's data to the next: `up` takes a body of `kind` and fails on none."""

    kind: type[Body]
    up: Callable[[Any], Body]


B = TypeVar("B", bound=Body)
_encoder = msgspec.json.Encoder(order="deterministic")


class EventUnreadable(Invalid):
    """An event's data does not match its type's contract, or is of a version that this release does not know."""

    code = "event_unreadable"


def version_of(kind: type[Body]) -> int:
    """Return which version of its type's data a struct is, the first being 1."""
    return 1 if kind.BEFORE is None else version_of(kind.BEFORE.kind) + 1


def versions_of(kind: type[Body]) -> tuple[type[Body], ...]:
    """Return the structs of every version of a type up to `kind`, the first one first."""
    return (kind,) if kind.BEFORE is None else (*versions_of(kind.BEFORE.kind), kind)


def to_event(body: Body, *, time: datetime, traceparent: str | None) -> Event:
    """Return `body` as a new event of its aggregate; every call makes a new event id."""
    return Event(
        id=new_id("evt"),
        type=body.TYPE,
        source=body.SOURCE,
        key=getattr(body, body.KEY),
        time=time,
        data=_encoder.encode(body),
        traceparent=traceparent,
        version=version_of(type(body)),
    )


def decode(data: bytes, kind: type[B], *, version: int) -> B:
    """Return an event's data, which was written in `version`, as the newest struct of its type.

    Raises:
        EventUnreadable: the data does not match its version, or the version is newer than this release; the event
            belongs to the dead letters.
    """
    known = versions_of(kind)
    if not 1 <= version <= len(known):
        raise EventUnreadable(
            f"{kind.TYPE} is known here up to version {len(known)}, not in {version}: upgrade, then replay",
            type=kind.TYPE,
        )
    try:
        body: Body = msgspec.json.decode(data, type=known[version - 1])
    except msgspec.DecodeError as cause:
        raise EventUnreadable(f"{kind.TYPE} cannot be read: {cause}", type=kind.TYPE) from cause
    for later in known[version:]:
        # Each but the first has a way up: that is how it came to be counted.
        body = cast("Upcaster", later.BEFORE).up(body)
    return cast("B", body)
