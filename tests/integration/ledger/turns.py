"""Sessions that meet: two want one cashback, or one stops between its snapshot and its locks; a test says when."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

from tests.integration.ledger.world import World
from tests.support.facts import eventually

_HELD: Final = "select from ledger.cashback_ledger where id = %s for update"
_WAITING: Final = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    " and wait_event in ('transactionid', 'tuple')"
)


async def in_turn(
    world: World, cashback_id: str, first: Coroutine[Any, Any, object], second: Coroutine[Any, Any, object]
) -> None:
    """Have both wait for a cashback, the first one first, let it go, and return once both are done.

    So the statement by which the second one waits has begun before anything of the first was committed.
    """
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder, asyncio.TaskGroup() as both:
        await holder.execute(_HELD, (cashback_id,))
        for count, one in enumerate((first, second), 1):
            both.create_task(one)
            await _waiting(world, count)
        await holder.rollback()


async def _waiting(world: World, count: int) -> None:
    """Return once so many sessions of this database wait for a row that another one has."""

    async def look() -> bool | None:
        return (await world.one(_WAITING) == count) or None

    await eventually(look, within_s=30, what=f"{count} wait for the cashback")


@asynccontextmanager
async def stopped_at(world: World, table: str) -> AsyncIterator[None]:
    """Have the worker's statements that read a table stop there, before they have locked anything, until this ends.

    Such a statement has its snapshot: what is committed from then on it cannot see.
    """
    await world.rows(
        """
        create function ledger.stop_here() returns boolean language plpgsql as $$
        begin
            perform pg_advisory_xact_lock_shared(4711);
            return true;
        end
        $$
        """
    )
    await world.rows("grant execute on function ledger.stop_here to cashback_ledger")
    await world.rows(f"create policy stop_here on {table} for select to cashback_ledger using (ledger.stop_here())")
    await world.rows(f"create policy pass on {table} to cashback_api, cashback_auditor using (true) with check (true)")
    await world.rows(f"alter table {table} enable row level security")
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("select pg_advisory_xact_lock(4711)")
        yield
        await holder.rollback()


async def is_stopped(world: World) -> bool | None:
    """Tell whether a statement waits in `stopped_at`."""
    asked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
    return (await world.one(asked) > 0) or None
