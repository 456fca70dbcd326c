"""Durable consumers: where the broker remembers what a consumer has acknowledged."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import MESSAGE_NOT_FOUND, BusRefused, StreamMissing
from cashback.kernel.bus.streams import event_subject, type_filters, unlike
from cashback.kernel.telemetry import logger

ACK_WAIT_S: Final = 6
"""How long a delivery may be in hand without a word before another worker gets it: a worker that lives says every
third of it that it works on it, so this is how long the events of one that died wait."""
ACK_PENDING_MAX: Final = 8_192
"""Deliveries without an answer, those that were put back and are not due yet included: they must not fill it up."""

_NS_IN_S: Final = 1_000_000_000

log = logger(__name__)


class Durable(msgspec.Struct, frozen=True):
    """A durable consumer as we want it: its name and the types of events it is given, of one partition or of all."""

    name: str
    types: tuple[str, ...]
    partition: int | None = None

    @property
    def subjects(self) -> list[str]:
        """Return the subjects of the events it is given."""
        if self.partition is None:
            return type_filters(self.types)
        return [event_subject(type_, self.partition) for type_ in self.types]


def to_config(durable: Durable) -> dict[str, object]:
    """Return the consumer in the words of JetStream's API (durations in nanoseconds)."""
    return {
        "durable_name": durable.name,
        "name": durable.name,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int(ACK_WAIT_S * _NS_IN_S),
        "max_ack_pending": ACK_PENDING_MAX,
        "max_deliver": -1,
        "replay_policy": "instant",
        "filter_subjects": durable.subjects,
    }


async def ensure_durable(bus: Bus, *, stream: str, name: str, types: tuple[str, ...]) -> None:
    """Create the consumer `name` or bring it to the present configuration; what it has acknowledged stays.

    It goes on being given what it is given already, for workers of a newer release: past an event whose type was taken
    away the broker goes for good. Whoever is given what it does not know leaves it (`settle`).

    Deliveries are unlimited on the broker's side: how often is enough is ours to say, with a reason (`settle`).

    Raises:
        StreamMissing: the stream is not there.
        BusUnavailable: the broker did not answer, or refused.
    """
    config = to_config(Durable(name, types))
    found = await held(bus, stream=stream, name=name)
    if found is not None:
        config["filter_subjects"] = joined(type_filters(types), found["filter_subjects"])
        if not unlike(config, found):
            return
    await bus.api(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})


async def held(bus: Bus, *, stream: str, name: str) -> Mapping[str, Any] | None:
    """Return how the broker holds a consumer, None where there is none; one filter is told as several are.

    Raises:
        BusUnavailable: the broker did not answer.
    """
    try:
        found: Mapping[str, Any] = (await bus.api(f"CONSUMER.INFO.{stream}.{name}"))["config"]
    except StreamMissing:
        return None
    return _with_filters(found)


def _with_filters(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how the broker holds a consumer, with one filter told as several are."""
    return {"filter_subjects": [found["filter_subject"]], **found} if "filter_subject" in found else found


def joined(wanted: list[str], found: list[str]) -> list[str]:
    """Return the filters of a consumer that is given what it was `found` with and what is `wanted` of it.

    As declared, where that is all; whoever lacks nothing leaves them as they are.

    >>> joined(["a.*"], ["b.*", "a.*"]), joined(["c.*", "a.*"], ["a.*", "b.*"])
    (['b.*', 'a.*'], ['c.*', 'a.*', 'b.*'])
    """
    for whole in (wanted, found):
        # It overlaps with every other, and the broker takes none that overlap.
        if whole == type_filters(()):
            return whole
    if set(wanted) < set(found):
        return found
    return [*wanted, *(one for one in found if one not in wanted)]


async def remake_durable(bus: Bus, durable: Durable, *, stream: str) -> int:
    """Make the consumer anew right behind what it has acknowledged without a gap; return what it had handed out last.

    Whatever was in somebody's hand comes again before anything behind it, all of it in the order of the stream, and
    whoever listened to the consumer before hears nothing more. It goes on being given what it was given, as in
    `ensure_durable`. One that is not there begins with the stream's oldest. Called twice it does it twice.

    Raises:
        StreamMissing: the stream is not there.
        BusUnavailable: the broker did not answer, or refused. The consumer may be gone, which costs a repetition.
    """
    config = to_config(durable)
    handed_out = 0
    try:
        info = await bus.api(f"CONSUMER.INFO.{stream}.{durable.name}")
    except StreamMissing:
        # The consumer, or the stream as well: then creating it says so.
        log.info("consumer.absent", consumer=durable.name)
    else:
        handed_out = int(info["delivered"]["stream_seq"])
        behind = int(info["ack_floor"]["stream_seq"]) + 1
        filters = joined(durable.subjects, _with_filters(info["config"])["filter_subjects"])
        config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": behind, "filter_subjects": filters}
        with suppress(StreamMissing):
            await bus.api(f"CONSUMER.DELETE.{stream}.{durable.name}")
    await bus.api(f"CONSUMER.CREATE.{stream}.{durable.name}", {"stream_name": stream, "config": config})
    return handed_out


async def backlog(
    bus: Bus, *, stream: str, name: str, types: tuple[str, ...], partition: int | None = None
) -> tuple[int, datetime | None]:
    """Return how many events the consumer has not acknowledged, delivered or not, and when the oldest was stored.

    Raises:
        StreamMissing: stream or consumer is not there.
        BusUnavailable: the broker did not answer.
    """
    info = await bus.api(f"CONSUMER.INFO.{stream}.{name}")
    lag = int(info["num_pending"]) + int(info["num_ack_pending"])
    if lag == 0:
        return 0, None
    after = int(info["ack_floor"]["stream_seq"])
    subjects = Durable(name, types, partition).subjects
    found = [await _stored_after(bus, stream=stream, sequence=after, subject=one) for one in subjects]
    return lag, min((time for time in found if time is not None), default=None)


async def _stored_after(bus: Bus, *, stream: str, sequence: int, subject: str) -> datetime | None:
    """Return when the first message after a sequence was stored, None when there is none of that subject."""
    try:
        answer = await bus.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence + 1, "next_by_subj": subject})
    except BusRefused as cause:
        if cause.err_code == MESSAGE_NOT_FOUND:
            return None
        raise
    return msgspec.convert(answer["message"]["time"], datetime)
