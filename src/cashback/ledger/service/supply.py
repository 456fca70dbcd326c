"""Booking the token's supply: what a reconciliation read becomes the balances of the chain's accounts.

    ledger.reconciliations ──newer than what is booked?──▶ furthest block ──▶ four accounts locked ──▶ difference posted
                                                               └─lower than booked─▶ is that block still on the chain?

The auditor reads the chain and may not post; the worker posts and may not write a run down. Neither makes up a supply
alone. The figures of a run are those of everything up to its block, so a run that was missed or taken back needs no
care: the next one's difference holds it.
"""

from typing import Final, Protocol

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, forbid_in_transaction
from cashback.kernel.money import TOKEN_SYMBOL
from cashback.kernel.telemetry import logger
from cashback.ledger.model import ChainColumns
from cashback.ledger.model.supply import Supply
from cashback.ledger.rules.supply import ACCOUNTS, furthest, goes_back, supply_postings
from cashback.ledger.service.leased import Fence
from cashback.ledger.service.posting import hold, post_held
from cashback.ledger.store import supply as store

LEASE: Final = "supply"
RUNS_MAX: Final = 100
"""Of the runs that are newer than what is booked so many are looked at."""

log = logger(__name__)


class Blocks(Protocol):
    """The way to whoever knows the chain's final blocks: the adapter, or a test's stand-in for it."""

    async def mint_columns(self, *, from_block: int, to_block: int = 0) -> ChainColumns:
        """Return what stands in final blocks; only the hash of the last one is looked at here.

        Raises:
            Unavailable: nobody answered; ask again.
        """
        ...


class SupplyBooker:
    """Books the supply; it is turned by a loop under the lease `LEASE`."""

    def __init__(self, database: Database, blocks: Blocks, *, clock: Clock) -> None:
        """Book in `database`; `blocks` are asked only when a run stands at a lower block than what is booked."""
        self._database = database
        self._blocks = blocks
        self._clock = clock
        self._passed_over = 0

    async def turn(self, fence: Fence) -> bool:
        """Book the furthest of the runs that are newer than what is booked; False: there is no hurry.

        A second turn over the same run books nothing.

        Raises:
            Unavailable: database or adapter did not answer, or the lease is lost.
            SupplyTooLarge: the books cannot count that far; nothing is booked.
        """
        async with self._database.transaction() as tx:
            booked = await store.booked(tx)
            after = max(self._passed_over, 0 if booked is None else booked.reconciliation)
            run = furthest(await store.runs_after(tx, after, limit=RUNS_MAX))
        if run is None:
            return False
        if booked is not None and goes_back(run, booked) and await self._stands(booked):
            # It was read before what is booked, and written down after it.
            self._passed_over = run.reconciliation
            return False
        await self._book(fence, run, booked)
        return False

    async def _stands(self, booked: Supply) -> bool:
        """Tell whether the block at which the supply is booked is still on the chain, or the chain not so far yet."""
        forbid_in_transaction("the adapter")
        page = await self._blocks.mint_columns(from_block=booked.at_block, to_block=booked.at_block)
        return page.at_block < booked.at_block or page.at_block_hash == booked.at_block_hash

    async def _book(self, fence: Fence, run: Supply, before: Supply | None) -> None:
        """Move the accounts to what `run` read, unless somebody has booked since `before`."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await fence.keep(tx)
            held = await hold(tx, ACCOUNTS)
            if await store.booked(tx) != before:
                return
            postings = supply_postings(run, {account: balance for account, (_, balance) in held.items()})
            await post_held(tx, held, postings, at=now)
            await store.insert(tx, run, at=now)
        facts = {"at_block": run.at_block, "total_supply": run.total_supply, "burned": run.burned}
        if run.unexplained:
            log.critical("supply.unexplained", unexplained=run.unexplained, **facts)
        elif postings:
            log.info("supply.booked", **facts)


async def unexplained_supply(database: Database) -> tuple[int, Supply | None]:
    """Return the supply that the books cannot explain, in base units, and what was booked last.

    Raises:
        Unavailable: the database did not answer.
    """
    async with database.transaction() as tx:
        return await store.unexplained(tx, token=TOKEN_SYMBOL), await store.booked(tx)
