"""Events on the wire: CloudEvents 1.0 in binary mode, attributes in headers, data as it is.

| header              | is                                                                             |
|---------------------|--------------------------------------------------------------------------------|
| `ce-id`             | the event's id for ever: inboxes go by it                                      |
| `Nats-Msg-Id`       | this publication's id: equal to `ce-id`, but new for a replay                   |
| `ce-partitionkey`   | the aggregate whose events keep their order                                    |
| `ce-type`, `ce-source`, `ce-time`, `ce-specversion`, `content-type`, `traceparent` | as CloudEvents has them |
| `ce-dataschema`     | `urn:cashback:<type>:<version>`, which form of its type's data this is; absent is 1 |
| `replay-of`         | a replayed event's sequence in the stream it was read from                     |
| `redriven-from`     | on a dead letter's replay: its sequence, behind those of its event's earlier ones |
| `dlq-*`             | why and by whom an event was given up, on dead letters only                    |
"""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus.errors import EventMalformed
from cashback.kernel.bus.frame import are_dense, header_lines, header_value, plain_headers
from cashback.kernel.bus.streams import event_subject, type_of

MESSAGE_ID: Final = "Nats-Msg-Id"
EVENT_ID: Final = "ce-id"
EVENT_KEY: Final = "ce-partitionkey"
EVENT_TYPE: Final = "ce-type"
EVENT_SCHEMA: Final = "ce-dataschema"
FIRST_VERSION: Final = 1
REPLAY_OF: Final = "replay-of"
REDRIVEN_FROM: Final = "redriven-from"
SERVER_PREFIX: Final = "Nats-"
DEAD_PREFIX: Final = "dlq-"

NAME_BYTES_MAX: Final = 1_024
"""Of an event's id and of its key: what every inbox can hold."""

_ACK_TOKENS: Final = 9
_UTC: Final = "+00:00"
_END: Final = "\r\n"
_SCHEMA: Final = re.compile(r"urn:cashback:(?P<type>.+):(?P<version>[1-9][0-9]{0,4})")


class Message(msgspec.Struct, frozen=True):
    """Something to publish: `id` becomes the `Nats-Msg-Id`, `headers` are encoded lines without it.

    Of two messages of one `key` the second is never sent before the first was stored. `traceparent` is of the trace
    that its publishing belongs to; what its reader is told of one stands in the headers.
    """

    subject: str
    id: str
    key: str
    headers: bytes
    data: bytes
    traceparent: str | None = None


class Delivery(msgspec.Struct, frozen=True):
    """An event as a handler sees it; `attempt` counts from 1, `sequence` is its place in the stream.

    `version` says which form of its type's data this is.
    """

    id: str
    type: str
    key: str
    data: bytes
    time: datetime
    traceparent: str | None
    attempt: int
    sequence: int
    version: int = FIRST_VERSION


class Place(msgspec.Struct, frozen=True):
    """Where a delivered message stands, and since when: from the reply subject that JetStream gave it."""

    attempt: int
    sequence: int
    consumer_sequence: int
    pending: int
    stored_at_ns: int = 0


def event_message(  # noqa: PLR0913 - the attributes of an event, all of them by name
    *,
    id: str,  # noqa: A002 - CloudEvents' own name
    type: str,  # noqa: A002 - CloudEvents' own name
    source: str,
    key: str,
    time: datetime,
    traceparent: str | None,
    partition: int,
    data: bytes,
    version: int = FIRST_VERSION,
) -> Message:
    """Return an event, published for the first time, as a message.

    One of the first version says nothing of it: its bytes are what they were before there were versions.
    """
    said = (id, type, source, key, traceparent or "")
    # One look at all of them: it is true of nearly every event, and the relay writes tens of thousands a second.
    id_, type_, source_, key_, trace = said if are_dense(said) else map(header_value, said)
    schema = f"urn:cashback:{type}:{version}"
    # One template takes half as long as a dict of headers that `header_lines` writes.
    headers = (
        f"ce-specversion: 1.0\r\n{EVENT_ID}: {id_}\r\n{EVENT_TYPE}: {type_}\r\nce-source: {source_}\r\n"
        f"ce-time: {rfc3339(time)}\r\n{EVENT_KEY}: {key_}\r\ncontent-type: application/json\r\n"
        f"{'' if traceparent is None else f'traceparent: {trace}{_END}'}"
        f"{'' if version == FIRST_VERSION else f'{EVENT_SCHEMA}: {header_value(schema)}{_END}'}"
    )
    return Message(event_subject(type, partition), id, key, headers.encode("ascii"), data, traceparent)


def repeated(
    *, subject: str, headers: Mapping[str, str], data: bytes, run: str, extra: Mapping[str, str] | None = None
) -> Message:
    """Return a stored message as one to publish again: the same event, under the message id `<event id>+<run>`.

    A repeated message id inside the duplicate window would be dropped without a word. What the server and the dead
    letter stream added is left behind.
    """
    kept = {
        name: value
        for name, value in headers.items()
        if not name.startswith((SERVER_PREFIX, DEAD_PREFIX)) and name not in {REPLAY_OF, REDRIVEN_FROM}
    }
    event_id = headers.get(EVENT_ID, "")
    return Message(
        subject=subject,
        id=f"{event_id}+{run}",
        key=headers.get(EVENT_KEY, event_id),
        headers=header_lines({**kept, **(extra or {})}),
        data=data,
    )


def read_delivery(message: Msg, place: Place) -> Delivery:
    """Return a delivered message as an event.

    Raises:
        EventMalformed: an attribute is missing, cannot be read, or is more than an inbox can hold, or the type is not
            the one that its subject stands for.
    """
    headers = plain_headers(message.headers or {})
    try:
        return Delivery(
            id=_storable(headers[EVENT_ID]),
            type=_addressed(headers[EVENT_TYPE], subject=message.subject),
            key=_storable(headers[EVENT_KEY]),
            data=message.data,
            time=datetime.fromisoformat(headers["ce-time"]),
            traceparent=headers.get("traceparent"),
            attempt=place.attempt,
            sequence=place.sequence,
            version=_version(headers),
        )
    except (KeyError, ValueError) as cause:
        raise EventMalformed(f"not a CloudEvent in binary mode: {cause}") from cause


def _storable(name: str) -> str:
    """Return an id or a key as it is.

    Raises:
        ValueError: no inbox can hold it, so that its event could be neither applied nor noted as having failed.
    """
    if "\0" in name or len(name.encode()) > NAME_BYTES_MAX:
        raise ValueError(f"an id or a key is of at most {NAME_BYTES_MAX} bytes without a zero: {name[:40]!r}")
    return name


def _addressed(type_: str, *, subject: str) -> str:
    """Return an event's type as it is.

    Raises:
        ValueError: it came on the subject of another, to whoever hears of that and may pass over this.
    """
    if type_of(subject) != type_:
        raise ValueError(f"the type is {type_!r} and the subject {subject!r}")
    return type_


def _version(headers: Mapping[str, str]) -> int:
    """Return which form of its type's data an event has.

    Raises:
        ValueError: it names a schema that is none of its type's.
    """
    if EVENT_SCHEMA not in headers:
        return FIRST_VERSION
    said = _SCHEMA.fullmatch(headers[EVENT_SCHEMA])
    if said is None or said["type"] != headers[EVENT_TYPE]:
        raise ValueError(f"{EVENT_SCHEMA} is {headers[EVENT_SCHEMA]!r}")
    return int(said["version"])


def read_place(reply: str) -> Place:
    """Return what a delivered message's reply subject says.

    `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<consumer sequence>.<time>.<pending>`, and with two more tokens
    (domain, account) before the stream where servers have domains (NATS ADR-15).
    """
    tokens = reply.split(".")
    first = 4 if len(tokens) == _ACK_TOKENS else 6
    attempt, sequence, consumer_sequence, stored_at_ns = tokens[first : first + 4]
    return Place(
        attempt=int(attempt),
        sequence=int(sequence),
        consumer_sequence=int(consumer_sequence),
        pending=int(tokens[first + 4]),
        stored_at_ns=int(stored_at_ns),
    )


def rfc3339(time: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC."""
    text = time.isoformat()
    # What a session in UTC has read is so already.
    utc = text if text.endswith(_UTC) else time.astimezone(UTC).isoformat()
    return f"{utc.removesuffix(_UTC)}Z"


def new_token() -> str:
    """Return 16 characters that no other call returns, for names that must be new."""
    return secrets.token_hex(8)
