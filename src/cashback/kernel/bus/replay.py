"""Replay: stored events published again, so that every consumer sees them again, and nothing changes.

    CASHBACK, from a sequence or a time to its present end ──read in order──▶ same event id, new message id ──▶ CASHBACK

Publishing anew reaches every consumer, running or not, without touching their positions: an inbox that knows an event
skips it, one that lost it (a restored database) applies it. Replays of events inside the range are left out, so that
replaying twice does not double what the next replay reads. What will be published is counted first, by its headers. It
takes room in the stream, which refuses everything when it is full: `expect_room` asks whether enough is left.
The outbox's own replay is `outbox.replay`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import BusUnavailable, ReplayTooLarge, StreamMissing
from cashback.kernel.bus.frame import plain_headers
from cashback.kernel.bus.message import EVENT_TYPE, REPLAY_OF, Message, Place, new_token, read_place, repeated, rfc3339
from cashback.kernel.bus.packing import BATCH_MAX
from cashback.kernel.bus.publish import publish
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.streams import EVENTS, Fill, fill_of, type_filters

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many steps were done, and of how many: events published or, while they are counted, looked at."""

SILENCE_S: Final = 2.0
INACTIVE_S: Final = 30

EVENT_BYTES: Final = 720
"""Of an event in the stream, with the store's own, for whoever knows no better: a minted purchase is four of them."""

_NS_IN_S: Final = 1_000_000_000
_LEFT_FREE: Final = 5
"""A replay leaves the fifth part of the room to events that are new."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did, or with `dry_run` would do: events, how many of each type, and the stretch that was read.

    `bytes` is about what they take in the stream once more, by what its messages have on the average.
    """

    events: int
    bytes: int
    types: dict[str, int]
    first_sequence: int
    last_sequence: int
    dry_run: bool


async def replay(
    bus: Bus,
    *,
    start: int | datetime,
    types: tuple[str, ...] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Replayed:
    """Publish again, in order, the stored events from `start` (a sequence, or an aware instant) to the present end.

    `types` limits it to these; `dry_run` counts and publishes nothing. Repeating it is safe and applies nothing twice.

    Raises:
        StreamMissing: the stream is not there; `outbox.replay` fills it again.
        BusUnavailable: the broker went away on the way; repeat it.
    """
    found = await count(bus, start=start, types=types, progress=progress)
    return found if dry_run else await publish_again(bus, found, types=types, progress=progress)


async def count(
    bus: Bus, *, start: int | datetime, types: tuple[str, ...] = (), progress: Progress | None = None
) -> Replayed:
    """Return what a replay from `start` to the present end would publish; `progress` is told of all that is stored.

    Where nothing is stored from `start` on, the first sequence is above the last.

    Raises:
        StreamMissing: the stream is not there.
        BusUnavailable: the broker went away on the way.
    """
    state = (await bus.api(f"STREAM.INFO.{EVENTS.name}"))["state"]
    end = int(state["last_seq"])
    oldest = start if isinstance(start, int) else await _first_since(bus, start, state=state)
    oldest = max(oldest, int(state["first_seq"]), 1)
    of_type: Counter[str] = Counter()
    async for batch in _read(bus, start=oldest, end=end, types=types, headers_only=True):
        chosen = [message for message, _ in batch if not _is_replay_of(message, first=oldest, last=end)]
        of_type.update((message.headers or {}).get(EVENT_TYPE, "") for message in chosen)
        if progress is not None:
            progress(batch[-1][1].sequence - oldest + 1, end - oldest + 1)
    return Replayed(
        events=of_type.total(),
        bytes=int(state["bytes"]) * of_type.total() // max(1, int(state["messages"])),
        types=dict(sorted(of_type.items())),
        first_sequence=oldest,
        last_sequence=end,
        dry_run=True,
    )


async def expect_room(bus: Bus, bytes_: int) -> None:
    """Return when storing so many bytes more leaves a fifth of the room in the stream of events.

    Raises:
        ReplayTooLarge: it does not, and all new events would soon wait.
        BusUnavailable: the broker did not answer.
    """
    try:
        fill = fill_of(await bus.api(f"STREAM.INFO.{EVENTS.name}"))
    except StreamMissing:
        fill = next(Fill(one.name, 0, one.bytes_max) for one in bus.streams if one.name == EVENTS.name)
    if fill.bytes_max > 0 and _LEFT_FREE * (fill.bytes + bytes_) > (_LEFT_FREE - 1) * fill.bytes_max:
        raise ReplayTooLarge(
            f"the replay would store some {bytes_:,} bytes in {fill.name}, which holds {fill.bytes:,} of"
            f" {fill.bytes_max:,}: less than a fifth would be left for new events, which wait while it is full",
            bytes=bytes_,
            held=fill.bytes,
            bytes_max=fill.bytes_max,
        )


async def publish_again(
    bus: Bus, found: Replayed, *, types: tuple[str, ...] = (), progress: Progress | None = None
) -> Replayed:
    """Publish again, in order, what was counted, and return what that was: less where something aged out meanwhile.

    `progress` is told of events. Repeating it is safe and applies nothing twice.

    Raises:
        StreamMissing: the stream is not there.
        BusUnavailable: the broker went away on the way; repeat it.
    """
    first, last = found.first_sequence, found.last_sequence
    of_type: Counter[str] = Counter()
    run = new_token()
    async for batch in _read(bus, start=first, end=last, types=types, headers_only=False):
        chosen = [(message, place) for message, place in batch if not _is_replay_of(message, first=first, last=last)]
        await publish(bus, [_again(message, place, run=run) for message, place in chosen])
        of_type.update((message.headers or {}).get(EVENT_TYPE, "") for message, _ in chosen)
        if progress is not None:
            progress(of_type.total(), found.events)
    return msgspec.structs.replace(found, events=of_type.total(), types=dict(sorted(of_type.items())), dry_run=False)


async def _first_since(bus: Bus, instant: datetime, *, state: Mapping[str, Any]) -> int:
    """Return the sequence of the first message stored at or after `instant`; one behind the last when there is none.

    `state` is the stream's. Of an instant outside it the broker is not asked: its nanoseconds end in the year 2262, and
    of a later one it takes everything to be younger.
    """
    first, last = (msgspec.convert(state[name], datetime) for name in ("first_ts", "last_ts"))
    default = int(state["last_seq"]) + 1
    if instant > last:
        return default
    if instant <= first:
        return int(state["first_seq"])
    name = new_token()
    position = {"deliver_policy": "by_start_time", "opt_start_time": rfc3339(instant)}
    await _create_reader(bus, name, types=(), headers_only=True, position=position)
    pull = Pull(bus, stream=EVENTS.name, consumer=name, batch_max=1)
    try:
        messages = await pull.take(wait_s=SILENCE_S)
        if not messages:
            await _expect_end(bus, name, read=0)
        return read_place(messages[0].reply).sequence if messages else default
    finally:
        await pull.close()


async def _read(
    bus: Bus, *, start: int, end: int, types: tuple[str, ...], headers_only: bool
) -> AsyncIterator[Sequence[tuple[Msg, Place]]]:
    """Yield what is stored from `start` to `end`, in order.

    Raises:
        BusUnavailable: the connection broke and may have swallowed messages; nothing acknowledges here, so they would
            not come again. The consumer's own count betrays it.
    """
    if start > end:
        return
    name = new_token()
    position = {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
    await _create_reader(bus, name, types=types, headers_only=headers_only, position=position)
    pull = Pull(bus, stream=EVENTS.name, consumer=name, batch_max=BATCH_MAX)
    read = 0
    try:
        while True:
            messages = await pull.take(wait_s=SILENCE_S)
            if not messages:
                await _expect_end(bus, name, read=read)
                return
            batch = [(message, read_place(message.reply)) for message in messages]
            read += len(batch)
            if batch[-1][1].consumer_sequence != read:
                raise BusUnavailable("the connection broke while the stream was read")
            inside = [(message, place) for message, place in batch if place.sequence <= end]
            if inside:
                yield inside
            if len(inside) < len(batch) or batch[-1][1].sequence == end or batch[-1][1].pending == 0:
                return
    finally:
        await pull.close()


async def _expect_end(bus: Bus, name: str, *, read: int) -> None:
    """Return when a reader that heard nothing, and has `read` so much, has nothing more to read.

    Raises:
        BusUnavailable: it has, so the broker fell silent; or the reader died with its server, since it is on one alone.
    """
    info = await bus.api(f"CONSUMER.INFO.{EVENTS.name}.{name}")
    if int(info["num_pending"]) > 0 or int(info["delivered"]["consumer_seq"]) > read:
        raise BusUnavailable("the broker fell silent while the stream was read")


async def _create_reader(
    bus: Bus, name: str, *, types: tuple[str, ...], headers_only: bool, position: Mapping[str, object]
) -> None:
    """Create a consumer for one reading, which the broker forgets half a minute after its last use."""
    config = {
        "name": name,
        "ack_policy": "none",
        "replay_policy": "instant",
        "filter_subjects": type_filters(types),
        "headers_only": headers_only,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": INACTIVE_S * _NS_IN_S,
        **position,
    }
    await bus.api(f"CONSUMER.CREATE.{EVENTS.name}.{name}", {"stream_name": EVENTS.name, "config": config})


def _is_replay_of(message: Msg, *, first: int, last: int) -> bool:
    """Tell whether `message` repeats one that stands in the given stretch of the stream."""
    original = (message.headers or {}).get(REPLAY_OF, "")
    return original.isdigit() and first <= int(original) <= last


def _again(message: Msg, place: Place, *, run: str) -> Message:
    """Return a stored message as one to publish again, marked with where it stood."""
    return repeated(
        subject=message.subject,
        headers=plain_headers(message.headers or {}),
        data=message.data,
        run=run,
        extra={REPLAY_OF: str(place.sequence)},
    )
