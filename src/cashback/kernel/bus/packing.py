"""Packing: messages as the bytes of one atomic batch, made ahead of time, but for the one that commits it.

    messages ──pack──▶ parcel ──on its way, with its last message──▶ stored whole, or nothing of it

Whoever has the next messages while the broker stores those before packs them meanwhile. The bytes name their batch, so
a parcel goes out once: what is tried again is packed again.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from cashback.kernel.bus.frame import are_dense, header_value, subject_bytes
from cashback.kernel.bus.message import MESSAGE_ID, Message, new_token

BATCH_MAX: Final = 500
BATCH_BYTES_MAX: Final = 4 * 1024**2

_NUMBERS: Final = tuple(b"%d" % number for number in range(BATCH_MAX + 1))
_OWN_BYTES: Final = len(f"NATS/1.0\r\n{MESSAGE_ID}: \r\nNats-Batch-Id: \r\nNats-Batch-Sequence: \r\n\r\n")
_FRAME: Final = (
    b"HPUB %b %d %d\r\nNATS/1.0\r\n%b"
    + MESSAGE_ID.encode()
    + b": %b\r\nNats-Batch-Id: %b\r\nNats-Batch-Sequence: %b\r\n%b\r\n%b\r\n"
)
_COMMIT: Final = b"Nats-Batch-Commit: 1\r\n"


class Parcel(msgspec.Struct, frozen=True):
    """Messages, and the bytes that publish all but the last as one batch."""

    messages: Sequence[Message]
    batch: str
    frames: bytes

    def commit(self, address: str) -> bytes:
        """Return the bytes that publish the last message and commit the batch, whose answer comes to `address`."""
        last = self.messages[-1]
        return _frame(
            last,
            b"%b %b" % (subject_bytes(last.subject), address.encode()),
            header_value(last.id).encode(),
            self.batch.encode(),
            number=len(self.messages),
            lines=_COMMIT,
        )


def batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Cut `messages` into runs of at most `BATCH_MAX` messages and (but for a single one) `BATCH_BYTES_MAX` bytes."""
    start, size = 0, 0
    for place, message in enumerate(messages):
        size += len(message.data)
        if place > start and (place - start == BATCH_MAX or size > BATCH_BYTES_MAX):
            yield messages[start:place]
            start, size = place, len(message.data)
    if start < len(messages):
        yield messages[start:]


def pack(messages: Sequence[Message]) -> Iterator[Parcel]:
    """Return `messages` as parcels, in their order.

    Raises:
        Broken: a subject contains what would break the protocol's line.
    """
    for run in batches(messages):
        batch = new_token()
        yield Parcel(run, batch, b"".join(_frames(run[:-1], batch.encode())))


def _frames(messages: Sequence[Message], batch: bytes) -> list[bytes]:
    """Return the bytes of the first messages of a batch, which ask for no answer."""
    ids = [message.id for message in messages]
    # One look at all of them: it is true of nearly every event, and the relay writes tens of thousands a second.
    written = ids if are_dense(ids) else [header_value(id_) for id_ in ids]
    targets = {subject: subject_bytes(subject) for subject in {message.subject for message in messages}}
    return [
        _frame(message, targets[message.subject], id_.encode(), batch, number=number)
        for number, (message, id_) in enumerate(zip(messages, written, strict=True), 1)
    ]


def _frame(message: Message, target: bytes, id_: bytes, batch: bytes, *, number: int, lines: bytes = b"") -> bytes:
    """Return the bytes of one message of a batch; `target` is its subject, and where its answer goes."""
    place, headers, data = _NUMBERS[number], message.headers, message.data
    size = _OWN_BYTES + len(headers) + len(id_) + len(batch) + len(place) + len(lines)
    return _FRAME % (target, size, size + len(data), headers, id_, batch, place, lines, data)
