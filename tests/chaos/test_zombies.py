"""Processes that stand still for longer than their leases, are replaced, and wake up believing they still lead."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from cashback.processes.embedded import CashbackProcess, free_port
from cashback.processes.stack import PROCESSES
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, RELAY_FOLLOWED_WITHIN_S
from tests.support.stack import WholeSystem

LEASES = {
    "adapter": ("chain", "chain.leases", 2, RECOVERS_PROCESS_WITHIN_S),
    "relay-cashback": ("cashback", "ledger.outbox_cursors", 4, RELAY_FOLLOWED_WITHIN_S),
    "relay-minting": ("minting", "minting.outbox_cursors", 4, RELAY_FOLLOWED_WITHIN_S),
    "worker-mint": ("minting", "minting.leases", 1, RECOVERS_PROCESS_WITHIN_S),
}
"""In which database and table each process's leases are, how many its replacement must have taken, and how soon."""

THROWN_OUT_WITHIN_S = 30.0

pytestmark = pytest.mark.deep


@pytest.mark.invariant("I2", "I4", "I5", "I9")
@pytest.mark.parametrize("name", LEASES)
async def test_a_process_paused_beyond_its_lease_and_replaced_does_no_harm_when_it_wakes(
    stack: WholeSystem, chance: random.Random, tmp_path: Path, name: str
) -> None:
    """Its token is old: what it writes is a no-op, what it sends is known already, and it stands by from then on."""
    database, table, count, within_s = LEASES[name]
    taken = f"select count(*) from {table} where expires_at > now() and holder <> all(%s)"
    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(10, 60))
        before = [row[0] for row in stack.rows(database, f"select holder from {table} where holder is not null")]
        await asyncio.to_thread(stack.processes[name].pause)
        async with replaced(stack, name, tmp_path):

            async def look() -> bool | None:
                return True if stack.rows(database, taken, before) == [(count,)] else None

            await eventually(look, within_s=within_s, what=f"another {name} holds the leases")
            await load.goes_on(30)
            stack.processes[name].resume()
            await load.goes_on(60)
            assert stack.processes[name].is_running
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.invariant("I2", "I4", "I5")
async def test_a_ledger_worker_that_sleeps_through_the_work_of_another_does_no_harm_when_it_wakes(
    stack: WholeSystem, chance: random.Random, tmp_path: Path
) -> None:
    """It leads nothing; what it had taken was done by the other one, or by the sweep, long before it wakes."""
    sleeper = stack.processes["worker-ledger"]
    async with replaced(stack, "worker-ledger", tmp_path):
        async with Load.on(stack) as load:
            await load.goes_on(chance.randint(10, 60))
            await asyncio.to_thread(sleeper.pause)
            await load.goes_on(60)
        await assert_nothing_lost_or_doubled(stack, load, asleep="worker-ledger")
        async with Load.on(stack) as load:
            await load.goes_on(20)
            sleeper.resume()
            await load.goes_on(60)
            assert sleeper.is_running
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.invariant("I2", "I4", "I5", "I7")
async def test_an_api_paused_in_a_transaction_until_the_database_throws_it_out_lives_on(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Nobody is told 500: the batch under way may be repeated under its keys, which the load does."""
    api = stack.processes["api"]
    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(10, 30))
        async with caught_in_a_transaction(stack) as pids:
            await asyncio.to_thread(api.pause)
        try:

            async def look() -> bool | None:
                left = stack.rows("cashback", "select 1 from pg_stat_activity where pid = any(%s)", pids)
                return None if left else True

            await eventually(look, within_s=THROWN_OUT_WITHIN_S, what="the database has ended its transactions")
        finally:
            api.resume()
        await load.goes_on(60)
        assert api.is_running
    await assert_nothing_lost_or_doubled(stack, load)


@asynccontextmanager
async def caught_in_a_transaction(stack: WholeSystem) -> AsyncIterator[list[int]]:
    """Yield the API's backends that wait inside a transaction for a lock that is let go at the end of the block."""
    waiting = (
        "select pid from pg_stat_activity where usename = 'cashback_api' and wait_event_type = 'Lock'"
        " and xact_start is not null"
    )
    async with await psycopg.AsyncConnection.connect(stack.postgres.dsn("cashback")) as connection:
        await connection.execute("lock table purchases.purchases in share row exclusive mode")

        async def look() -> list[int] | None:
            return [row[0] for row in stack.rows("cashback", waiting)] or None

        yield await eventually(look, within_s=THROWN_OUT_WITHIN_S, what="the API is in the middle of a transaction")


@asynccontextmanager
async def replaced(stack: WholeSystem, name: str, folder: Path) -> AsyncIterator[None]:
    """Run another process of the same kind, on ports of its own, while the block lasts."""
    probe = free_port()
    settings = stack.settings(name) | {"CASHBACK_PROBE_PORT": str(probe)}
    if name == "adapter":
        settings["CASHBACK_ADAPTER_PORT"] = str(free_port())
    other = CashbackProcess(*PROCESSES[name], log=folder / f"{name}.log", port=probe, settings=settings)
    await asyncio.to_thread(other.start)
    try:
        yield
    finally:
        await asyncio.to_thread(other.stop)
