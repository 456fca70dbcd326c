"""What a process's probe shows of the bus: by the semantic conventions of messaging where there are some.

What the conventions have no word for (lag, age, what became of deliveries) begins with `cashback_`.
"""

import math
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from cashback.kernel.bus.streams import SUBJECT_PREFIX, Fill

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

connected_now: Final = Gauge("cashback_bus_connected", "1 while the broker is connected")
connections: Final = Counter("cashback_bus_connections", "connections opened to the broker")
differs_now: Final = Gauge(
    "cashback_bus_stream_differs",
    "settings that the broker holds otherwise than declared, when last looked",
    ["stream"],
)
held_now: Final = Gauge("cashback_bus_stream_bytes", "bytes that the stream holds, when last looked", ["stream"])
room_now: Final = Gauge(
    "cashback_bus_stream_bytes_max",
    "bytes that the broker lets the stream hold, after which it refuses events; infinite without a limit",
    ["stream"],
)

_sent: Final = Counter(
    "messaging_client_sent_messages",
    "messages stored by the broker, by the way they went: in an atomic batch, or single",
    ["messaging_system", "messaging_operation_name", "messaging_destination_name", "way"],
)
_sent_seconds: Final = Histogram(
    "messaging_client_operation_duration_seconds",
    "from handing messages over together to the broker's having stored them, or the failure",
    ["messaging_system", "messaging_operation_name", "messaging_destination_name", "error_type"],
    buckets=_SECONDS,
)
sent_batch: Final = Histogram(
    "cashback_bus_batch_messages", "messages in an atomic batch", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)

_consumed: Final = Counter(
    "messaging_client_consumed_messages",
    "messages taken from the broker, repeated ones included",
    ["messaging_system", "messaging_operation_name", "messaging_destination_name", "messaging_consumer_group_name"],
)
_process_seconds: Final = Histogram(
    "messaging_process_duration_seconds",
    "inbox, handler and commit of a batch, or its failure",
    [
        "messaging_system",
        "messaging_operation_name",
        "messaging_destination_name",
        "messaging_consumer_group_name",
        "error_type",
    ],
    buckets=_SECONDS,
)
batch_sizes: Final = Histogram(
    "cashback_consumer_batch_events",
    "events in one transaction",
    ["consumer"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
hop_seconds: Final = Histogram(
    "cashback_consumer_hop_seconds",
    "from the stream to the commit of what was made of it, of the oldest new event in each transaction",
    ["consumer"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
outcomes: Final = Counter("cashback_consumer_events", "what became of deliveries", ["consumer", "outcome"])
redelivered: Final = Counter("cashback_consumer_redelivered", "deliveries that were not the first", ["consumer"])
lag_now: Final = Gauge("cashback_consumer_lag_events", "events published and not yet acknowledged", ["consumer"])
oldest_now: Final = Gauge(
    "cashback_consumer_oldest_seconds",
    "how long the stream has had the oldest event that is not acknowledged, whoever has it or waits for it; 0 at rest",
    ["consumer"],
)
unknown_now: Final = Gauge(
    "cashback_consumer_unknown_events",
    "events of types that this worker does not know, which it has left unacknowledged for one of a newer release",
    ["consumer"],
)

failing_keys_now: Final = Gauge(
    "cashback_consumer_failing_keys", "keys that an event which failed holds back, with all workers", ["consumer"]
)
failing_now: Final = Gauge(
    "cashback_consumer_failing_oldest_seconds", "for how long the first of these has been failing", ["consumer"]
)

sent_atomic: Final = _sent.labels("nats", "send", SUBJECT_PREFIX, "atomic")
sent_single: Final = _sent.labels("nats", "send", SUBJECT_PREFIX, "single")


def observe_fill(fill: Fill) -> None:
    """Show how full a stream is."""
    held_now.labels(fill.name).set(fill.bytes)
    room_now.labels(fill.name).set(fill.bytes_max if fill.bytes_max >= 0 else math.inf)


def observe_sent(duration_s: float, failure: BaseException | None) -> None:
    """Note how long handing messages to the broker took, and with what it failed."""
    _sent_seconds.labels("nats", "send", SUBJECT_PREFIX, error_type(failure)).observe(duration_s)


def count_consumed(consumer: str, count: int) -> None:
    """Count messages that a consumer took."""
    _consumed.labels("nats", "receive", SUBJECT_PREFIX, consumer).inc(count)


def observe_processed(consumer: str, duration_s: float, failure: BaseException | None) -> None:
    """Note how long a batch's transaction took, and with what it failed."""
    _process_seconds.labels("nats", "process", SUBJECT_PREFIX, consumer, error_type(failure)).observe(duration_s)


def error_type(failure: BaseException | None) -> str:
    """Return a failure's class, of which there are few, and never its words; empty without one.

    >>> error_type(ValueError("of user 17"))
    'ValueError'
    """
    return "" if failure is None else type(failure).__name__
