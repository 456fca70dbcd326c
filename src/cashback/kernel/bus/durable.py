"""Durable consumers: where the broker remembers what a consumer has acknowledged."""

from typing import Final

import msgspec

from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.streams import type_filters

ACK_WAIT_S: Final = 30
ACK_PENDING_MAX: Final = 2_048

_NS_IN_S: Final = 1_000_000_000


class Durable(msgspec.Struct, frozen=True):
    """A durable consumer as we want it: its name and the types of events it is given."""

    name: str
    types: tuple[str, ...]


def to_config(durable: Durable) -> dict[str, object]:
    """Return the consumer in the words of JetStream's API (durations in nanoseconds)."""
    return {
        "durable_name": durable.name,
        "name": durable.name,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_S * _NS_IN_S,
        "max_ack_pending": ACK_PENDING_MAX,
        "max_deliver": -1,
        "replay_policy": "instant",
        "filter_subjects": type_filters(durable.types),
    }


async def ensure_durable(bus: Bus, *, stream: str, name: str, types: tuple[str, ...]) -> None:
    """Create the consumer `name` or bring it to the present configuration; what it has acknowledged stays.

    Deliveries are unlimited on the broker's side: how often is enough is ours to say, with a reason (`settle`).

    Raises:
        StreamMissing: the stream is not there.
        BusUnavailable: the broker did not answer, or refused.
    """
    config = to_config(Durable(name, types))
    await bus.api(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})


async def lag(bus: Bus, *, stream: str, name: str) -> int:
    """Return how many events the consumer has not acknowledged, whether delivered or not.

    Raises:
        StreamMissing: stream or consumer is not there.
        BusUnavailable: the broker did not answer.
    """
    info = await bus.api(f"CONSUMER.INFO.{stream}.{name}")
    return int(info["num_pending"]) + int(info["num_ack_pending"])
