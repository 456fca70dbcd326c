"""What all events have in common: the base of their structs, encoding, and the way back."""

from datetime import datetime
from typing import Annotated, ClassVar, TypeAlias, TypeVar

import msgspec

from cashback.kernel.errors import Invalid
from cashback.kernel.ids import new_id
from cashback.kernel.outbox import Event

Address: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{40}$(?!\n)")]
"""A 20-byte EVM address in hexadecimal (EIP-55 checksum when written by us)."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every event's data: `TYPE` is the CloudEvents type, `SOURCE` the publisher."""

    TYPE: ClassVar[str]
    SOURCE: ClassVar[str]


B = TypeVar("B", bound=Body)
_encoder = msgspec.json.Encoder(order="deterministic")


class EventUnreadable(Invalid):
    """An event's data does not match its type's contract."""

    code = "event_unreadable"


def to_event(body: Body, *, key: str, time: datetime, traceparent: str | None) -> Event:
    """Return `body` as a new event of the aggregate `key`; every call makes a new event id."""
    return Event(
        id=new_id("evt"),
        type=body.TYPE,
        source=body.SOURCE,
        key=key,
        time=time,
        data=_encoder.encode(body),
        traceparent=traceparent,
    )


def decode(data: bytes, kind: type[B]) -> B:
    """Return an event's data as its struct.

    Raises:
        EventUnreadable: the data does not match; the event belongs to the dead letters.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as cause:
        raise EventUnreadable(f"{kind.TYPE} cannot be read: {cause}", type=kind.TYPE) from cause
