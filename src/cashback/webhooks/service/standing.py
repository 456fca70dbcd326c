"""How delivering stands, for whoever looks from outside."""

from cashback.kernel.db import Tx
from cashback.webhooks.store import deliveries


async def neglected(tx: Tx, *, for_s: int) -> int:
    """Return how many endpoints something has been due for so long (s) to which nobody is trying to deliver anything.

    A worker that is at work tries something of each at any time, however slow an endpoint is.
    """
    return await deliveries.neglected(tx, for_s=for_s)
