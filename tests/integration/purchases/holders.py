"""Other processes that are slow to answer: keys they hold, and how often somebody gave up waiting for one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from cashback.purchases.model import NewPurchase
from cashback.purchases.service.once import KEY_WAITS
from tests.integration.ledger.world import Dsns


@asynccontextmanager
async def held(dsns: Dsns, *purchases: NewPurchase) -> AsyncIterator[psycopg.AsyncConnection]:
    """Hold the keys of purchases as another process does that is slow to answer and gives up in the end."""
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        for purchase in purchases:
            await holder.execute(
                "insert into purchases.idempotency_keys (owner, key, fingerprint, created_at)"
                " values (%s, %s, sha256('first'), now())",
                (purchase.owner, purchase.key),
            )
        yield holder
        await holder.rollback()


def waits(patience: str) -> int:
    """Return how many waits for a key were given up so far, in this process."""
    return int(KEY_WAITS.labels(patience)._value.get())
