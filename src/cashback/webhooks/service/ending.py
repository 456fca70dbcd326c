"""Disabling an endpoint: it hears of nothing more, and what was to be delivered to it ends."""

from cashback.kernel.db import Tx
from cashback.kernel.telemetry import logger
from cashback.webhooks.model import DisabledReason
from cashback.webhooks.service import metrics
from cashback.webhooks.store import deliveries, endpoints

log = logger(__name__)


async def disable(tx: Tx, endpoint_id: str, reason: DisabledReason, *, by: str) -> int:
    """Disable an endpoint, end its open deliveries as failed and return how many; twice does no more than once.

    A try in flight is not noted any more. What ended so can be replayed once the endpoint is enabled.
    """
    if not await endpoints.disable(tx, endpoint_id, reason):
        return 0
    ended = await deliveries.end_all(tx, endpoint_id)
    await endpoints.journal(tx, endpoint_id, what="disabled", by=by, detail=f"{reason.value}: {ended} deliveries ended")
    metrics.disabled.labels(reason.value).inc()
    log.warning("endpoint.disabled", endpoint=endpoint_id, reason=reason.value, ended=ended)
    return ended
