"""`holds`: how long one ledger worker takes to release 100,000 holds that all end at once.

Method. PostgreSQL with fsync on. 100,000 purchases of 2,000 users are recorded by the one write path under a programme
that holds for 30 days; then the worker's clock alone is moved past the last of them, and `Life.round` is called until
nothing is due, as the worker calls it while its batches are full. Counted is all of it: the states, the transitions,
the postings in double entry, the event of each. At the end every row and every balance is counted, and nothing is held.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg

from cashback.kernel.clock import ManualClock, SystemClock, monotonic_s
from cashback.kernel.db import Database
from cashback.ledger import Life
from cashback.purchases import Purchases
from cashback.purchases.model import OPERATOR, NewPurchase, Recorded
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.shop import AMOUNT_MINOR, Shop, open_shop

HOLDS: Final = 100_000
RELEASED_MAX_S: Final = 20
HOLD: Final = timedelta(days=30)
_BATCH: Final = 500


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_shop(folder) as shop:
        await _rows(shop, f"update ledger.programmes set hold_days = {HOLD.days}")
        await _record(shop)
        dsn = shop.plan.dsn(shop.postgres, "cashback", "cashback_ledger")
        clock = ManualClock(SystemClock().now() + HOLD)
        async with Database.open(dsn, name="bench life") as database:
            life, released, rounds, begin_s = Life(database, clock=clock), 0, 0, monotonic_s()
            while count := (await life.round()).released:
                released, rounds = released + count, rounds + 1
            took_s = monotonic_s() - begin_s
        [(held, approved, steps, postings, events, wrong)] = await _rows(shop, _VERDICT)
    return [
        at_most(f"releasing {HOLDS:,} holds, one worker", took_s, "s", bound=RELEASED_MAX_S),
        reported("the same", released / took_s, "holds/s"),
        reported("transactions it took", rounds, "transactions"),
        exactly("holds released", released, "cashbacks", expected=HOLDS),
        exactly("holds left", held, "cashbacks", expected=0),
        exactly(
            "approved, with a step, a posting and an event",
            min(approved, steps, postings, events),
            "cashbacks",
            expected=HOLDS,
        ),
        exactly("balances that are not the sum of their entries", wrong, "accounts", expected=0),
    ]


async def _record(shop: Shop) -> None:
    """Record the purchases."""
    clock = SystemClock()
    async with Database.open(shop.dsn, name="bench") as database, Purchases.open(database, clock=clock) as purchases:
        for first in range(0, HOLDS, _BATCH):
            numbers = range(first, min(first + _BATCH, HOLDS))
            outcomes = await purchases.record([_purchase(shop, number, clock) for number in numbers])
            if not all(isinstance(outcome, Recorded) for outcome in outcomes):
                raise RuntimeError("a purchase was refused")


def _purchase(shop: Shop, number: int, clock: SystemClock) -> NewPurchase:
    """Return one purchase of today."""
    return NewPurchase(
        owner=OPERATOR,
        key=f"hold-{number}",
        merchant_id=shop.cast.merchant_id,
        user_id=shop.cast.user_ids[number % len(shop.cast.user_ids)],
        amount_minor=AMOUNT_MINOR,
        currency="USD",
        occurred_at=clock.now(),
    )


async def _rows(shop: Shop, statement: str) -> list[tuple[int, ...]]:
    """Return what the superuser sees."""
    async with await psycopg.AsyncConnection.connect(shop.postgres.dsn("cashback")) as connection:
        cursor = await connection.execute(statement.encode())
        return list(await cursor.fetchall()) if cursor.description else []


_VERDICT: Final = """
    select (select count(*) from ledger.cashback_ledger where state = 'pending'),
           (select count(*) from ledger.cashback_ledger where state = 'approved'),
           (select count(*) from ledger.cashback_transitions where from_state = 'pending' and to_state = 'approved'),
           (select count(*) from ledger.transfers where cause = 'approval'),
           (select count(*) from ledger.outbox_events where type = 'cashback.approved'),
           (select count(*)
            from ledger.accounts as account
            left join (select account_id, sum(amount) as amount from ledger.entries group by account_id) as moved
              on moved.account_id = account.id
            where account.balance <> coalesce(moved.amount, 0))
"""
