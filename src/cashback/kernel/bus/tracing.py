"""Publications and deliveries as spans: each event in its own trace, each batch linked with all of them.

create <type> ──▶ publish <type>      links: send cashback.v1
     └─────────▶ process <type>       links: process <consumer>; parent of what the handler appends
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import msgspec

from cashback.kernel.bus.message import Delivery, Message
from cashback.kernel.bus.streams import SUBJECT_PREFIX, type_of
from cashback.kernel.telemetry import Kind, Value, batch, is_tracing

_DESTINATION: Final = SUBJECT_PREFIX


def publishing(messages: Sequence[Message]) -> AbstractContextManager[object]:
    """Return the span of publishing `messages` together, and of each whose trace is sampled one below its creation."""
    return batch(
        f"send {_DESTINATION}",
        [message.traceparent for message in messages] if is_tracing() else [],
        lambda place: _published(messages[place]),
        kinds=(Kind.CLIENT, Kind.CLIENT),
        attributes={
            "messaging.system": "nats",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": _DESTINATION,
            "messaging.batch.message_count": len(messages),
        },
    )


@contextmanager
def processing(consumer: str, deliveries: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
    """Yield `deliveries` as parts of their own traces: what a handler does for one continues the span of processing it.

    What goes wrong with the batch goes wrong with each of its spans; those that are tried again get another.
    """
    if not is_tracing():
        yield deliveries
        return
    with batch(
        f"process {consumer}",
        [delivery.traceparent for delivery in deliveries],
        lambda place: _processed(deliveries[place], consumer),
        kinds=(Kind.CONSUMER, Kind.CONSUMER),
        attributes={
            "messaging.system": "nats",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": _DESTINATION,
            "messaging.consumer.group.name": consumer,
            "messaging.batch.message_count": len(deliveries),
        },
    ) as contexts:
        yield [
            msgspec.structs.replace(delivery, traceparent=context)
            for delivery, context in zip(deliveries, contexts, strict=True)
        ]


def _published(message: Message) -> tuple[str, dict[str, Value]]:
    """Return the span of one message's publication."""
    return f"publish {type_of(message.subject)}", {
        "messaging.system": "nats",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": message.subject,
        "messaging.message.id": message.id,
    }


def _processed(delivery: Delivery, consumer: str) -> tuple[str, dict[str, Value]]:
    """Return the span of one delivery's processing."""
    return f"process {delivery.type}", {
        "messaging.system": "nats",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": delivery.type,
        "messaging.consumer.group.name": consumer,
        "messaging.message.id": delivery.id,
        # What tells a delivery that came again (the same place, a later attempt) from an event that was replayed.
        "cashback.delivery.attempt": delivery.attempt,
        "cashback.delivery.sequence": delivery.sequence,
    }
