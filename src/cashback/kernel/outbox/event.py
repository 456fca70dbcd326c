"""The event as every context hands it over: attributes of CloudEvents 1.0 and its encoded data."""

from datetime import datetime

import msgspec


class Event(msgspec.Struct, frozen=True):
    """One thing that happened, ready to be stored and published.

    `id` becomes the CloudEvents id and the `Nats-Msg-Id`; `key` is the aggregate whose events keep their order;
    `data` is canonical JSON; `traceparent` is the W3C trace context in which it happened, or None; `version` says which
    form of its type's data this is, the first being 1.
    """

    id: str
    type: str
    source: str
    key: str
    time: datetime
    data: bytes
    traceparent: str | None = None
    version: int = 1
