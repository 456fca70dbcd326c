"""The event bus: NATS JetStream as this system uses it.

    drain ──publish──▶ CASHBACK ──pull──▶ Consumer ──settle──▶ handler(tx, deliveries)
                          ▲                   └──given up──▶ CASHBACK_DLQ
                          └──── replay ◀── dead_letters ─────────┘

At least once on the wire, exactly once in effect (I5): message ids and the duplicate window on the way in, the inbox on
the way out. A broker that is away stops nothing but the flow: everyone waits and goes on.
"""

from cashback.kernel.spared import spared

with spared("aiohttp"):  # it would carry websockets, and a broker's URL is nats:// or tls://
    import nats.aio.client  # noqa: F401  # before any module of ours imports a part of it

from cashback.kernel.bus.applying import Handler
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.consume import Consumer
from cashback.kernel.bus.errors import BusRefused, BusUnavailable, EventMalformed, StreamMissing
from cashback.kernel.bus.failures import Retry
from cashback.kernel.bus.message import Delivery, Message, event_message
from cashback.kernel.bus.ordered import OrderedConsumer
from cashback.kernel.bus.packing import Parcel, pack
from cashback.kernel.bus.publish import publish, publish_packed
from cashback.kernel.bus.streams import DEAD_LETTERS, EVENTS, STREAMS, Stream, StreamReport

__all__ = [
    "DEAD_LETTERS",
    "EVENTS",
    "STREAMS",
    "Backoff",
    "Bus",
    "BusRefused",
    "BusUnavailable",
    "Consumer",
    "Delivery",
    "EventMalformed",
    "Handler",
    "Message",
    "OrderedConsumer",
    "Parcel",
    "Retry",
    "Stream",
    "StreamMissing",
    "StreamReport",
    "event_message",
    "pack",
    "publish",
    "publish_packed",
]
