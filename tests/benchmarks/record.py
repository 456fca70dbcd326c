"""`record`: how many purchases a second the one write path records without HTTP, beside pgbench writing the same rows.

Method. PostgreSQL with fsync on. Ours is `Purchases.record` in this process, called by so many concurrent callers with
one purchase each; the reference is pgbench with one transaction per purchase (pgbench.py and record.sql say what it
may and may not leave out). Both write to the same database in turns, each with the number of callers or clients that
serves it best, for 2,000 users whose accounts exist. Every row of the whole run is counted at the end. A second run
of pgbench leaves out the locks, and with them the order of events and the one budget: reported, as the measure of what
the locks cost it.
"""

import asyncio
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.telemetry import trace
from cashback.purchases import Purchases
from cashback.purchases.model import OPERATOR, NewPurchase, Recorded
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.pairs import Pairs, best, in_turns
from tests.benchmarks.pgbench import Pgbench, template_of
from tests.benchmarks.shop import AMOUNT_MINOR, Cast, open_shop

ROUND_S: Final = 3
TRIAL_S: Final = 2
CALLERS: Final = (64, 256, 1_024)
CLIENTS: Final = (1, 8, 32, 64)
_OCCURRED_AT: Final = SystemClock().now()


class Callers:
    """Concurrent callers of the one write path; counts what they recorded."""

    def __init__(self, purchases: Purchases, cast: Cast) -> None:
        """Record for the users of `cast`."""
        self._purchases = purchases
        self._cast = cast
        self._numbers = count()
        self.recorded = 0

    async def warm_up(self) -> str:
        """Record one purchase for each user, so that every account exists; return the key of one of them."""
        numbers = [next(self._numbers) for _ in self._cast.user_ids]
        await asyncio.gather(*(self._record(number) for number in numbers))
        return _key(numbers[0])

    async def rate(self, *, callers: int, duration_s: float) -> float:
        """Return purchases a second of one round."""
        before, begin_s = self.recorded, monotonic_s()
        await asyncio.gather(*(self._until(begin_s + duration_s) for _ in range(callers)))
        return (self.recorded - before) / (monotonic_s() - begin_s)

    async def _until(self, end_s: float) -> None:
        """Record one purchase after the other until the time is over."""
        while monotonic_s() < end_s:
            await self._record(next(self._numbers))

    async def _record(self, number: int) -> None:
        """Record one purchase, as a request does."""
        with trace(None) as traceparent:
            purchase = NewPurchase(
                owner=OPERATOR,
                key=_key(number),
                traceparent=traceparent,
                merchant_id=self._cast.merchant_id,
                user_id=self._cast.user_ids[number % len(self._cast.user_ids)],
                amount_minor=AMOUNT_MINOR,
                currency="USD",
                occurred_at=_OCCURRED_AT,
                reference=f"order {number:026d}",
            )
        [outcome] = await self._purchases.record([purchase])
        if not isinstance(outcome, Recorded):
            raise outcome.error
        self.recorded += 1


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with (
        open_shop(folder) as shop,
        Database.open(shop.dsn, name="bench") as database,
        Purchases.open(database, clock=SystemClock()) as purchases,
    ):
        before = await shop.rows()
        ours = Callers(purchases, shop.cast)
        theirs = Pgbench(shop, await template_of(shop, await ours.warm_up()), folder)
        callers = await best({number: partial(ours.rate, callers=number, duration_s=TRIAL_S) for number in CALLERS})
        clients = await best({number: partial(theirs.rate, clients=number, duration_s=TRIAL_S) for number in CLIENTS})
        pairs = await in_turns(
            partial(ours.rate, callers=callers, duration_s=ROUND_S),
            partial(theirs.rate, clients=clients, duration_s=ROUND_S),
        )
        unlocked = max([await theirs.rate(clients=n, duration_s=ROUND_S, is_locking=False) for n in CLIENTS[1:]])
        one = await ours.rate(callers=1, duration_s=TRIAL_S)
        astray = await shop.astray(before, ours.recorded + theirs.recorded)
    return _checks(
        pairs,
        {
            f"Purchases.record ({callers} callers)": median(pairs.ours),
            f"pgbench ({clients} clients)": median(pairs.theirs),
            "Purchases.record (1 caller)": one,
            "pgbench without the locks, best of 8 to 64 clients": unlocked,
        },
        failed=theirs.failed,
        astray=astray,
    )


def _checks(pairs: Pairs, rates: dict[str, float], *, failed: int, astray: int) -> list[Check]:
    """Return the figures of the whole run."""
    return [
        at_least("record rate against pgbench, one transaction each", pairs.ratio, "times", bound=1.3),
        *(reported(name, rate, "purchases/s") for name, rate in rates.items()),
        exactly("transactions that pgbench could not do", failed, "transactions", expected=0),
        exactly("rows lost or doubled, balances wrong", astray, "rows", expected=0),
    ]


def _key(number: int) -> str:
    """Return an idempotency key as long as those of the reference."""
    return f"record-{number:024d}"
