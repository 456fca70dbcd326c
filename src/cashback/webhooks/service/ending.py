"""Disabling an endpoint: it hears of nothing more, and what was to be delivered to it ends, a portion at a time."""

from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.telemetry import logger
from cashback.webhooks.model import DisabledReason
from cashback.webhooks.service import metrics
from cashback.webhooks.store import deliveries, endpoints

PORTION: Final = 2_000
"""How many deliveries end in a transaction, which keeps the intake of all merchants waiting: about 0.2 s."""

ENDPOINTS_MAX: Final = 100

log = logger(__name__)


async def disable(tx: Tx, endpoint_id: str, reason: DisabledReason, *, by: str) -> int:
    """Disable an endpoint, end its open deliveries as failed and return how many; twice does no more than once.

    At most 2,000 end here, and none that a worker has locked; a worker ends the others within seconds (`end_rest`), and
    none of them is claimed any more.
    A try in flight is not noted once it has ended. What ended so can be replayed once the endpoint is enabled.
    """
    if not await endpoints.disable(tx, endpoint_id, reason):
        return 0
    ended = await deliveries.end_open(tx, [endpoint_id], limit=PORTION)
    await endpoints.journal(tx, endpoint_id, what="disabled", by=by, detail=f"{reason.value}: {ended} deliveries ended")
    metrics.disabled.labels(reason.value).inc()
    log.warning("endpoint.disabled", endpoint=endpoint_id, reason=reason.value, ended=ended)
    return ended


async def end_rest(tx: Tx) -> int:
    """End a portion of what is open for disabled endpoints, and return how many."""
    left = await endpoints.locked_with_rest(tx, limit=ENDPOINTS_MAX)
    return await deliveries.end_open(tx, left, limit=PORTION) if left else 0
