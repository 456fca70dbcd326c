"""Two sessions that want the same cashback at once, and get it in an order that the test decides."""

import asyncio
from collections.abc import Coroutine
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
