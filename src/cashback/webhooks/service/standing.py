"""How delivering stands, for whoever looks from outside, and as every worker-webhooks shows it."""

from typing import Final

from prometheus_client import Gauge

from cashback.kernel.db import Database, Tx
from cashback.kernel.gauges import UNKNOWN, Gauges
from cashback.webhooks.service import metrics
from cashback.webhooks.service.delivering import HOLD_S
from cashback.webhooks.store import due

NEGLECTED_AFTER_S: Final = 60

NEGLECTED: Final = Gauge(
    "cashback_webhook_neglected_endpoints",
    "endpoints to which something has been due for a minute while nobody tries to deliver anything to them",
)


async def neglected(tx: Tx, *, for_s: int = NEGLECTED_AFTER_S) -> int:
    """Return how many endpoints something has been due for so long (s) to which nobody is trying to deliver anything.

    A worker that is at work tries something of each merchant at any time, however slow its endpoints are.
    """
    return await due.neglected(tx, for_s=for_s, hold_s=HOLD_S)


def gauges(database: Database) -> Gauges[int]:
    """Return the loop that shows whom nobody tries; it runs beside whoever delivers, who may be what hangs."""

    def show(count: int | None) -> None:
        """Set the gauge; without the database nobody knows what is due either, of which the deliverer says nothing."""
        if count is None:
            for each in (NEGLECTED, metrics.due, metrics.oldest):
                each.set(UNKNOWN)
            return
        NEGLECTED.set(count)

    return Gauges(database, name="webhooks", read=neglected, show=show)
