"""Giving up: an event that cannot be applied becomes a dead letter, which says why and how often it was tried."""

from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus import metrics
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.dead_letters import Death, bury
from cashback.kernel.bus.failures import told
from cashback.kernel.bus.message import Place
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Failing
from cashback.kernel.telemetry import logger

_REASON_MAX: Final = 500

log = logger(__name__)


async def give_up(bus: Bus, message: Msg, place: Place, failing: Failing, *, consumer: str, reason: str) -> None:
    """Store a message with the dead letters; safe to repeat.

    Raises:
        BusUnavailable: it is not known to be there, and must stay with the stream.
    """
    death = Death(
        reason=reason[:_REASON_MAX],
        consumer=consumer,
        attempts=failing.attempts,
        first_failed_at=failing.first_failed_at,
        sequence=place.sequence,
        history=told(failing.history),
    )
    await bury(bus, message, death=death)
    reach("letter.buried")
    log.error("event.given_up", consumer=consumer, sequence=place.sequence, reason=death.reason)
    metrics.outcomes.labels(consumer, "dead").inc()
