"""Publishing: many messages, stored once each, in the order given for each key.

    atomic batch of up to 500 ──stored──▶ done
          │ an id is already stored (10201), or the server has no atomic batches
          ▼
    one by one, up to 64 in flight, no two of one key

An atomic batch is stored whole or not at all (NATS ADR-50) and costs four fsyncs instead of one per message. After an
ambiguous end (no answer in time) the caller publishes again: the duplicate window makes it once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from cashback.kernel.bus import metrics
from cashback.kernel.bus.connection import Bus, read_answer
from cashback.kernel.bus.errors import BusRefused, BusUnavailable
from cashback.kernel.bus.frame import header_value, publish_frame
from cashback.kernel.bus.link import ASK_TIMEOUT_S, Link
from cashback.kernel.bus.message import MESSAGE_ID, Message
from cashback.kernel.bus.packing import Parcel, pack
from cashback.kernel.bus.tracing import publishing
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction

IN_FLIGHT_MAX: Final = 64

_ATOMIC_DISABLED: Final = 10_174
_BATCH_TOO_LARGE: Final = 10_199
_DUPLICATE_IN_BATCH: Final = 10_201
_GO_SINGLY: Final = frozenset({_ATOMIC_DISABLED, _BATCH_TOO_LARGE, _DUPLICATE_IN_BATCH})


async def publish(bus: Bus, messages: Sequence[Message]) -> None:
    """Return when the stream has stored every message; publishing the same ones again soon stores nothing twice.

    Raises:
        BusUnavailable: it is not known that all were stored; some or all may have been.
    """
    await publish_packed(bus, pack(messages))


async def publish_packed(bus: Bus, parcels: Iterable[Parcel]) -> None:
    """Return when the stream has stored every message of `parcels`, each of which is published for the first time.

    Raises:
        BusUnavailable: it is not known that all were stored; some or all may have been.
    """
    forbid_in_transaction("the bus")
    link = bus.link
    for parcel in parcels:
        started_s = monotonic_s()
        try:
            with publishing(parcel.messages):
                await _publish_parcel(link, parcel)
        except BusUnavailable as cause:
            metrics.observe_sent(monotonic_s() - started_s, cause)
            raise
        metrics.observe_sent(monotonic_s() - started_s, None)


async def _publish_parcel(link: Link, parcel: Parcel) -> None:
    """Publish a parcel as one batch where the broker takes it so, and else message by message.

    Raises:
        BusUnavailable: it is not known that all were stored.
    """
    if len(parcel.messages) > 1 and link.offers_atomic and await _publish_atomically(link, parcel):
        return
    for wave in waves(parcel.messages):
        await _publish_wave(link, wave)


def waves(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Cut `messages` into runs that may be in flight together: at most `IN_FLIGHT_MAX`, no two of one key.

    Of two in flight the first may get lost and the second not, so keys would lose their order.
    """
    start = 0
    keys: set[str] = set()
    for place, message in enumerate(messages):
        if message.key in keys or len(keys) == IN_FLIGHT_MAX:
            yield messages[start:place]
            start = place
            keys.clear()
        keys.add(message.key)
    if start < len(messages):
        yield messages[start:]


async def _publish_atomically(link: Link, parcel: Parcel) -> bool:
    """Publish a parcel as one batch and tell whether it was stored; False means that nothing of it was.

    Raises:
        BusUnavailable: whether it was stored is unknown, or the broker had no room.
    """
    address, count = link.reply_address(), len(parcel.messages)
    (answer,) = await link.ask([parcel.frames, parcel.commit(address)], [address], timeout_s=ASK_TIMEOUT_S)
    try:
        body = read_answer(answer)
    except BusRefused as cause:
        if cause.err_code not in _GO_SINGLY:
            raise
        link.offers_atomic = cause.err_code != _ATOMIC_DISABLED
        return False
    if not _is_whole(body, count):
        # A server that knows nothing of batches took the last message alone, and perhaps the others.
        link.offers_atomic = False
        return False
    metrics.sent_batch.observe(count)
    metrics.sent_atomic.inc(count)
    return True


def _is_whole(body: dict[str, Any], count: int) -> bool:
    """Tell whether the answer to a commit speaks of a batch of `count`."""
    return "batch" in body and body.get("count") == count


async def _publish_wave(link: Link, messages: Sequence[Message]) -> None:
    """Publish messages of different keys at once and wait until each is stored.

    Raises:
        BusUnavailable: at least one is not known to be.
    """
    addresses = [link.reply_address() for _ in messages]
    frames = [_frame(message, reply=address) for message, address in zip(messages, addresses, strict=True)]
    for answer in await link.ask(frames, addresses, timeout_s=ASK_TIMEOUT_S):
        if "seq" not in read_answer(answer):
            raise BusUnavailable("the broker's answer is no acknowledgement")
    metrics.sent_single.inc(len(messages))


def _frame(message: Message, *, reply: str) -> bytes:
    """Return the protocol bytes of a message with its id."""
    own = f"{MESSAGE_ID}: {header_value(message.id)}\r\n".encode()
    return publish_frame(message.subject, message.data, headers=message.headers + own, reply=reply)
