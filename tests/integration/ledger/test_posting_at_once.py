"""Posting by one statement: the same rows as by two, and all or nothing."""

import asyncio
from contextvars import Context
from random import Random

import psycopg
import pytest

from cashback.ledger.model import Account, AccountKind, Cause, Overdrawn, Posting
from cashback.ledger.rules import changed_by, transfers
from cashback.ledger.service.posting import accounts_of, hold, post, post_held
from cashback.ledger.store import books
from tests.integration.ledger.world import World
from tests.support.facts import eventually

FUNDING = Account("cmp_1", AccountKind.FUNDING, "USD")
BUDGETS = [Account("cmp_1", AccountKind.BUDGET, "USD", stripe) for stripe in range(2)]
USERS = [Account(f"usr_{number}", AccountKind.APPROVED, "USD") for number in range(6)]
ROWS = """
    select debit.owner, debit.kind, debit.stripe, credit.owner, credit.kind, credit.stripe, transfer.currency, amount,
           debit_balance_after, credit_balance_after, cause, cashback_id, at, effective_at
    from ledger.transfers as transfer
    join ledger.accounts as debit on debit.id = debit_account
    join ledger.accounts as credit on credit.id = credit_account
    where transfer.position > %s
    order by transfer.position
"""


def funded(budget: Account, amount: int) -> Posting:
    """Return a posting into a budget."""
    return Posting(debit=FUNDING, credit=budget, amount=amount, cause=Cause.FUNDING)


def moved(debit: Account, credit: Account, amount: int) -> Posting:
    """Return a posting between two accounts that may not fall below zero."""
    return Posting(debit=debit, credit=credit, amount=amount, cause=Cause.ACCRUAL, cashback_id="cb_1")


async def balances(world: World) -> dict[Account, int]:
    """Return what every account holds."""
    rows = await world.rows("select owner, kind, currency, stripe, balance from ledger.accounts")
    return {Account(owner, AccountKind(kind), currency, stripe): held for owner, kind, currency, stripe, held in rows}


async def last(world: World) -> int:
    """Return the position of the last transfer."""
    return int((await world.rows("select coalesce(max(position), 0) from ledger.transfers"))[0][0])


@pytest.mark.invariant("I8")
async def test_one_statement_stores_what_two_do(world: World) -> None:
    """Forty batches, drawn anew each time between few accounts, are posted one way and undone, then the other (I8)."""
    random, now = Random(4), world.clock.now()  # noqa: S311  # which accounts, the same each time
    async with world.worker.transaction() as tx:
        await post(tx, [funded(budget, 10_000) for budget in BUDGETS], at=now)
        await post(tx, [moved(BUDGETS[0], user, 500) for user in USERS], at=now)
    for _ in range(40):
        pairs = [random.sample([*BUDGETS, *USERS], 2) for _ in range(20)]
        batch = [moved(debit, credit, random.randint(1, 20)) for debit, credit in pairs]
        batch.insert(random.randrange(20), funded(BUDGETS[1], 7))
        start = await last(world)
        done, after = transfers(await balances(world), batch)
        stored = []
        for is_at_once in (True, False):
            async with world.worker.transaction() as tx:
                await books.mark(tx)
                if is_at_once:
                    assert await books.post_at_once(tx, batch, changed_by(batch), at=now) == len(accounts_of(batch))
                else:
                    await post_held(tx, await hold(tx, accounts_of(batch)), batch, at=now)
                stored.append(await (await tx.execute(ROWS, [start])).fetchall())
                if is_at_once:
                    await books.let_go(tx)
        assert stored[0] == stored[1]
        assert [row[8:10] for row in stored[0]] == [
            (each.debit_balance_after, each.credit_balance_after) for each in done
        ]
        assert await balances(world) == after


async def test_nothing_is_stored_or_locked_while_an_account_is_missing(world: World) -> None:
    """Whoever held one and then waited for the opener of another could wait for ever."""
    async with world.worker.transaction() as tx:
        await post(tx, [funded(BUDGETS[0], 100)], at=world.clock.now())
    before, start = await balances(world), await last(world)
    batch = [moved(BUDGETS[0], USERS[0], 5)]
    async with world.worker.transaction() as tx:
        assert await books.post_at_once(tx, batch, changed_by(batch), at=world.clock.now()) is None
        async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as other:
            await other.execute("select from ledger.accounts for update nowait")
    assert (await balances(world), await last(world)) == (before, start)


async def test_an_account_that_holds_too_little_on_the_way_refuses_the_whole_batch(world: World) -> None:
    """That the batch gives back more in the end does not help: nothing is stored, and who was short is named."""
    async with world.worker.transaction() as tx:
        await post(tx, [funded(BUDGETS[0], 100), moved(BUDGETS[0], USERS[0], 40)], at=world.clock.now())
    before, start = await balances(world), await last(world)
    batch = [moved(BUDGETS[0], USERS[0], 1), moved(USERS[0], BUDGETS[0], 42), moved(BUDGETS[0], USERS[0], 50)]
    with pytest.raises(Overdrawn, match="approved of usr_0 would be overdrawn"):
        async with world.worker.transaction() as tx:
            await post(tx, batch, at=world.clock.now())
    assert (await balances(world), await last(world)) == (before, start)


async def test_what_was_posted_meanwhile_is_added_to(world: World) -> None:
    """A statement that waited for a lock moves what the account holds then, not what it held when it began (I8)."""
    now = world.clock.now()
    async with world.worker.transaction() as tx:
        await post(tx, [funded(BUDGETS[0], 100), moved(BUDGETS[0], USERS[0], 10)], at=now)

    async def second() -> None:
        """Post what can only be posted after the first."""
        async with world.worker.transaction() as tx:
            await post(tx, [moved(BUDGETS[0], USERS[0], 5), moved(USERS[0], BUDGETS[0], 44)], at=now)

    async def look() -> list[tuple[int]] | None:
        """Return who waits for a lock."""
        waiting = "wait_event_type = 'Lock' and datname = current_database()"
        return await world.rows(f"select pid from pg_stat_activity where {waiting}") or None

    async with asyncio.TaskGroup() as tasks, world.worker.transaction() as tx:
        await post(tx, [moved(BUDGETS[0], USERS[0], 30)], at=now)
        tasks.create_task(second(), context=Context())
        await eventually(look, within_s=30, what="the second posting waits for the first")
    assert await balances(world) == {FUNDING: -100, BUDGETS[0]: 99, USERS[0]: 1}
