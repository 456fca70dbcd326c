"""`ledger`: how many transfers a second the books take in batches of 100, beside one transfer a transaction.

Method. PostgreSQL with fsync on. Ours is `ledger.service.posting.post` in this process, as the worker's role: so many
concurrent callers, each of which posts 100 transfers a transaction. The reference is a function in SQL that locks both
rows and posts one, called by pgbench (peers/row_locks.py says what it is spared). Both write the same rows in turns,
the reference to tables of its own that are alike but for the foreign keys it has as usual, each with the number of
callers or clients that serves it best, from tables that are vacuumed: wide, between any two of 100,000 accounts, and
hot, all out of one. At the end every row of the run is counted and every balance of both computed anew;
and the sealer, which ran beside neither, chains what ours posted, and the check goes through the whole evidence.
"""

import asyncio
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import psycopg

from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database
from cashback.ledger.model import Account, AccountKind, Cause, Posting
from cashback.ledger.service import Checker, Leased, Recomputer, Sealer, sealing
from cashback.ledger.service.posting import post
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.pairs import Pairs, best, in_turns
from tests.benchmarks.peers.row_locks import HOT, WIDE, RowLocks
from tests.benchmarks.shop import Shop, open_shop, settle

ROUND_S: Final = 1
TRIAL_S: Final = 1
BATCH: Final = 100
ACCOUNTS: Final = 100_000
OPENING: Final = 1_000_000
"""What each account begins with: more than a run takes out of it."""

CALLERS: Final = (1, 2, 4, 8)
CLIENTS: Final = (1, 8, 32, 64)
SOURCE: Final = Account("bench", AccountKind.FUNDING, "USD")
BUDGET: Final = Account("bench", AccountKind.BUDGET, "USD")


class Batches:
    """Concurrent callers of `post`; counts what they posted."""

    def __init__(self, database: Database) -> None:
        """Post over `database`."""
        self._database = database
        self._clock = SystemClock()
        self._random = Random(1)  # noqa: S311  # which accounts, the same each time
        self._names = [Account(f"usr_bench{number:06d}", AccountKind.APPROVED, "USD") for number in range(ACCOUNTS)]
        self.posted = 0

    async def furnish(self) -> None:
        """Open every account with something in it, and the hot one with enough for all."""
        await self._post([Posting(debit=SOURCE, credit=BUDGET, amount=10**12, cause=Cause.FUNDING)])
        for start in range(0, ACCOUNTS, 1_000):
            await self._post(
                [
                    Posting(debit=SOURCE, credit=account, amount=OPENING, cause=Cause.FUNDING)
                    for account in self._names[start : start + 1_000]
                ]
            )

    async def rate(self, *, is_hot: bool, callers: int, duration_s: float) -> float:
        """Return transfers a second of one round."""
        before, begin_s = self.posted, monotonic_s()
        await asyncio.gather(*(self._until(begin_s + duration_s, is_hot=is_hot) for _ in range(callers)))
        return (self.posted - before) / (monotonic_s() - begin_s)

    async def _until(self, end_s: float, *, is_hot: bool) -> None:
        """Post one batch after the other until the time is over."""
        while monotonic_s() < end_s:
            await self._post([self._posting(is_hot=is_hot) for _ in range(BATCH)])

    def _posting(self, *, is_hot: bool) -> Posting:
        """Return a transfer of one unit."""
        debit, credit = (BUDGET, self._random.choice(self._names)) if is_hot else self._random.sample(self._names, 2)
        return Posting(debit=debit, credit=credit, amount=1, cause=Cause.ACCRUAL, cashback_id="cb_bench")

    async def _post(self, postings: list[Posting]) -> None:
        """Post in one transaction."""
        async with self._database.transaction() as tx:
            await post(tx, postings, at=self._clock.now())
        self.posted += len(postings)


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with (
        open_shop(folder) as shop,
        Database.open(shop.plan.dsn(shop.postgres, "cashback", "cashback_ledger"), name="bench") as database,
    ):
        before = (await shop.rows())["ledger.transfers"]
        ours = Batches(database)
        await ours.furnish()
        theirs = await _peer(shop, folder)
        await settle(shop.postgres.dsn("cashback"))
        pairs = {name: await _pairs(ours, theirs, is_hot=name == "hot") for name in ("wide", "hot")}
        astray = abs((await shop.rows())["ledger.transfers"] - before - ours.posted) + await theirs.astray()
        return [*_checks(pairs), *await _evidence(database, astray=astray, failed=theirs.failed)]


async def _peer(shop: Shop, folder: Path) -> RowLocks:
    """Return the reference over the accounts that ours has opened, whose numbers are without a gap."""
    dsn = shop.postgres.dsn("cashback")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            """
            select min(id) filter (where kind = 'approved'), count(*) filter (where kind = 'approved'),
                   max(id) filter (where kind = 'approved') - min(id) filter (where kind = 'approved') + 1,
                   min(id) filter (where kind = 'budget')
            from ledger.accounts
            where owner like '%bench%'
            """
        )
        row = await cursor.fetchone()
    first, many, width, hot = row or (0, 0, 0, 0)
    if not many == width == ACCOUNTS:
        raise RuntimeError(f"{many} accounts stand among {width} numbers")
    peer = RowLocks(dsn, folder, first=first, accounts=many, hot=hot)
    await peer.create()
    return peer


async def _pairs(ours: Batches, theirs: RowLocks, *, is_hot: bool) -> Pairs:
    """Return the rates of both ways, each with the number of callers that serves it best."""
    script = HOT if is_hot else WIDE
    callers = await best({n: partial(ours.rate, is_hot=is_hot, callers=n, duration_s=TRIAL_S) for n in CALLERS})
    clients = await best({n: partial(theirs.rate, script, clients=n, duration_s=TRIAL_S) for n in CLIENTS})
    return await in_turns(
        partial(ours.rate, is_hot=is_hot, callers=callers, duration_s=ROUND_S),
        partial(theirs.rate, script, clients=clients, duration_s=ROUND_S),
    )


async def _evidence(database: Database, *, astray: int, failed: int) -> list[Check]:
    """Return what the books come to, and what chaining and checking them took."""
    clock = SystemClock()
    done = await Recomputer(database, clock=clock, by="bench").recompute()
    sealer = Sealer(database, clock=clock)
    fence = await Leased(database, name=sealing.LEASE, holder="bench", every_s=1, turn=sealer.turn).acquire()
    if fence is None:
        raise RuntimeError("somebody else seals")
    begin_s = monotonic_s()
    while await sealer.turn(fence):
        pass
    sealed_s, begin_s = monotonic_s() - begin_s, monotonic_s()
    checked = await Checker(database).check()
    checked_s = monotonic_s() - begin_s
    return [
        reported("transfers chained and sealed", checked.leaves / sealed_s, "transfers/s"),
        reported("chaining and sealing one transfer", sealed_s / checked.leaves * 1e6, "us"),
        reported("transfers checked against their evidence", checked.leaves / checked_s, "transfers/s"),
        exactly("transfers lost or doubled, balances of the reference wrong", astray, "rows", expected=0),
        exactly("transactions that pgbench could not do", failed, "transactions", expected=0),
        exactly("balances that are not what their entries say", done.differences, "accounts", expected=0),
        exactly("flaws in the evidence", int(checked.flaw is not None), "flaws", expected=0),
        exactly("transfers that wait for their leaf", checked.waiting, "transfers", expected=0),
    ]


def _checks(pairs: dict[str, Pairs]) -> list[Check]:
    """Return the rates and what they come to."""
    checks = []
    for name, found in pairs.items():
        checks += [
            at_least(f"posting {name}, against one transfer a transaction", found.ratio, "times", bound=3),
            reported(f"post, {name}, batches of {BATCH}", median(found.ours), "transfers/s"),
            reported(f"row locks, {name}, by pgbench", median(found.theirs), "transfers/s"),
        ]
    return checks
