"""What can go wrong between us and the broker.

Unavailable
└── BusUnavailable      the broker is away, too slow, full, or between leaders
    ├── StreamMissing   it is there without our streams: fresh or wiped
    └── BusRefused      it answered with an error of its own; `err_code` is JetStream's
Conflict
└── ReplayTooLarge      a replay would leave the stream too little room for what is new
"""

from typing import Final

from cashback.kernel.errors import Conflict, Invalid, Unavailable

CONSUMER_NOT_FOUND: Final = 10_014
MESSAGE_NOT_FOUND: Final = 10_037
STREAM_NOT_FOUND: Final = 10_059


class BusUnavailable(Unavailable):
    """The broker is away, too slow, full, or between two leaders; what was sent may have arrived."""

    code = "bus_unavailable"


class StreamMissing(BusUnavailable):
    """The broker is there and our stream is not: it is fresh, or was wiped."""

    code = "stream_missing"


class BusRefused(BusUnavailable):
    """The broker answered with an error; it may pass (full, no leader) and nothing was stored."""

    code = "bus_refused"

    def __init__(self, detail: str, *, err_code: int) -> None:
        """Carry JetStream's own `err_code`."""
        super().__init__(detail, err_code=err_code)
        self.err_code = err_code


class ReplayTooLarge(Conflict):
    """A replay would fill the stream so far that new events soon wait; nothing was published."""

    code = "replay_too_large"


class EventMalformed(Invalid):
    """A message on our subjects is not a CloudEvent in binary mode."""

    code = "event_malformed"
