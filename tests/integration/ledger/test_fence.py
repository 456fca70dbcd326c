"""No mint number is given out by a ledger that may be older than what was minted; nothing else waits for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import AdapterUnavailable, LedgerBehind, NumbersFenced
from cashback.ledger.service import Fencing
from cashback.processes import doctor
from cashback.processes.embedded import EmbeddedNats, EmbeddedPostgres
from cashback.wire.cashback.chain import v1
from tests.integration.ledger import world as worlds
from tests.integration.ledger.test_retirements import WHY, retired
from tests.integration.ledger.world import Dsns, World, buy, open_world, requests
from tests.support.adapter import HOST, FakeAdapter
from tests.support.facts import eventually
from tests.support.servers import Databases

DOWN = "update ledger.number_fence set incarnation = 'that of another server'"


@pytest.fixture
async def fake() -> AsyncIterator[FakeAdapter]:
    """Give an adapter that the test rules."""
    async with FakeAdapter.serving() as adapter:
        yield adapter


@asynccontextmanager
async def fencing(database: Database, fake: FakeAdapter) -> AsyncIterator[Fencing]:
    """Give a worker's fencing."""
    async with Adapter.open(f"{HOST}:{fake.port}") as adapter:
        yield Fencing(database, adapter)


async def minting_tells(fake: FakeAdapter, number: int) -> None:
    """Have minting tell its highest number."""
    await fake.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.MINTING, number=number))


async def compared(one: Fencing, fake: FakeAdapter, number: int) -> bool:
    """Have minting tell after the fence was found down, and return whether it is up then."""
    with pytest.raises(NumbersFenced):
        await one.turn()
    await minting_tells(fake, number)
    return await one.turn()


async def an_approval(world: World) -> None:
    """Leave one cashback that waits to be requested."""
    await world.record(buy(await world.user(), await world.merchant()))


@asynccontextmanager
async def copied(world: World, databases: Databases) -> AsyncIterator[World]:
    """Give the service over a copy of its database as it is now: what a backup would bring back."""
    name = str(conninfo_to_dict(world.dsns.superuser)["dbname"])
    # PostgreSQL copies no database in use.
    with psycopg.connect(world.dsns.superuser.replace(name, "postgres"), autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
    with databases.fresh(name) as dsn:
        async with open_world(Dsns(dsn)) as restored:
            yield restored


@pytest.mark.invariant("I2", "I4")
async def test_a_fenced_ledger_draws_no_number_and_requests_when_it_was_compared(
    world: World, fake: FakeAdapter
) -> None:
    """The event is delivered again meanwhile; what waits is requested, by the first numbers there are."""
    await world.programme()
    await an_approval(world)
    await world.rows(DOWN)
    with pytest.raises(NumbersFenced):
        await world.request()
    assert await world.one("select is_called from ledger.mint_numbers") is False
    async with fencing(world.worker, fake) as one:
        with pytest.raises(NumbersFenced):
            await one.check()
        assert await compared(one, fake, 0)
        await one.check()
    await world.request()
    assert [request.mint_number for request in await requests(world)] == ["1"]


@pytest.mark.invariant("I4")
async def test_what_draws_no_number_goes_on_behind_the_fence(world: World) -> None:
    """I4: requests whose outcome is overdue are published again, though others wait before the fence."""
    await world.programme()
    await an_approval(world)
    await world.request()
    await an_approval(world)
    await world.rows(DOWN)
    world.clock.advance(timedelta(minutes=5))
    with pytest.raises(NumbersFenced):
        await world.sweeper.round()
    assert [request.mint_number for request in await requests(world)] == ["1", "1"]


@pytest.mark.invariant("I2")
async def test_what_minting_told_before_the_fence_was_down_counts_for_nothing(world: World, fake: FakeAdapter) -> None:
    """It may have taken requests since that this ledger has forgotten."""
    await minting_tells(fake, 0)
    await world.rows(DOWN)
    async with fencing(world.worker, fake) as one:
        for _ in range(2):
            with pytest.raises(NumbersFenced):
                await one.turn()
        await minting_tells(fake, 0)
        assert await one.turn()


async def test_without_an_adapter_the_fence_stays_down_and_says_so(world: World, fake: FakeAdapter) -> None:
    """Who cannot ask gives nothing out."""
    await world.rows(DOWN)
    async with fencing(world.worker, fake) as one:
        await fake.go_down()
        with pytest.raises(AdapterUnavailable):
            await one.turn()
        with pytest.raises(NumbersFenced):
            await one.check()


async def test_an_open_fence_needs_no_adapter_and_is_open_for_every_worker(world: World, fake: FakeAdapter) -> None:
    """A worker that starts while the adapter is away requests, if another one has compared on this server."""
    await fake.go_down()
    async with fencing(world.worker, fake) as one:
        assert await one.turn()
        await one.check()


@pytest.mark.invariant("I2", "I3")
async def test_a_restored_older_ledger_gives_out_nothing_and_has_minting_halted(
    world: World, fake: FakeAdapter, databases: Databases
) -> None:
    """I2: the copy of a database is another one, and knows fewer numbers than minting; it says both."""
    await world.programme()
    await an_approval(world)
    await world.request()
    await an_approval(world)
    async with copied(world, databases) as restored, fencing(restored.worker, fake) as one:
        assert not await compared(one, fake, 2)
        assert fake.ledger_told == [1]
        with pytest.raises(LedgerBehind, match="numbers up to 1, and 2 was minted"):
            await one.check()
        with pytest.raises(NumbersFenced):
            await restored.request()
        assert len(await requests(restored)) == 1
        assert not await one.turn()


async def test_the_doctor_says_that_a_ledger_is_behind_or_was_not_compared(
    world: World, fake: FakeAdapter, nats: EmbeddedNats
) -> None:
    """By the auditor's role, from the same two sources."""

    async def said() -> tuple[bool, str]:
        """Return whether the numbers are well, and what is told."""
        # Nothing of minting and the chain is in it; what is not there at all is waited for, for seconds.
        dsn = Secret(world.dsns.of("cashback_auditor"))
        settings = doctor.Settings(
            ledger_audit_dsn=dsn,
            minting_audit_dsn=dsn,
            chain_audit_dsn=dsn,
            nats_url=nats.url(),
            adapter_address=f"{HOST}:{fake.port}",
        )
        [found] = [each for each in await doctor.examine(settings) if each.what == "mint numbers"]
        return found.is_well, found.detail

    assert await said() == (True, "up to 0 accounted for, 0 known to adapter and minting")
    await minting_tells(fake, 3)
    is_well, detail = await said()
    assert (is_well, "up to 0, and 3 was minted" in detail) == (False, True)
    async with world.worker.transaction() as tx:
        await tx.execute("select ledger.account_for_numbers(3)")
    assert (await said())[0]
    await world.rows(DOWN)
    is_well, detail = await said()
    assert (is_well, "compared" in detail) == (False, True)


@pytest.mark.invariant("I2")
async def test_a_server_that_was_restarted_or_promoted_is_compared_anew(tmp_path: Path) -> None:
    """The row that it brings along was written in another life."""
    for is_first in (True, False):
        with EmbeddedPostgres(tmp_path, durable=True) as server:
            dsn = server.dsn(worlds._TEMPLATE)
            if is_first:
                with psycopg.connect(server.dsn(), autocommit=True) as connection:
                    connection.execute(f"create database {worlds._TEMPLATE}")
                worlds._migrate(dsn)
            with psycopg.connect(dsn) as connection:
                row = connection.execute(
                    "select exists (select from ledger.number_fence where incarnation = ledger.incarnation())"
                ).fetchone()
                assert row == (False,)
                connection.execute("select ledger.account_for_numbers(0)")


@pytest.mark.invariant("I2")
async def test_accounting_for_numbers_raises_the_sequence_and_never_lowers_it(world: World) -> None:
    """By the worker's own role, which may do nothing else to the sequence."""
    for known, expected in ((7, 8), (3, 9)):
        async with world.worker.transaction() as tx:
            await tx.execute("select ledger.account_for_numbers(%s)", (known,))
        assert await world.one("select nextval('ledger.mint_numbers')") == expected
    assert await world.one("select accounted_to from ledger.number_fence") == 7
    for statement in (
        "select setval('ledger.mint_numbers', 1)",
        "update ledger.number_fence set accounted_to = 0",
        "delete from ledger.number_fence",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with world.worker.transaction() as tx:
                await tx.execute(statement.encode())


@pytest.mark.invariant("I2")
@pytest.mark.parametrize("known, expected", [(0, 1), (1, 2), (2, 3)])
async def test_accounting_for_numbers_counts_on_above_them_though_none_was_drawn(
    world: World, known: int, expected: int
) -> None:
    """A sequence that nobody has used yet says that its last value is 1, as after the first one."""
    for _ in range(2):
        async with world.worker.transaction() as tx:
            await tx.execute("select ledger.account_for_numbers(%s)", (known,))
    assert await world.one("select nextval('ledger.mint_numbers')") == expected


@pytest.mark.invariant("I2", "I4")
async def test_a_ledger_whose_highest_number_was_given_up_is_not_behind(world: World, fake: FakeAdapter) -> None:
    """I4: no cashback has the number any more, yet the ledger gave it out; a restart halts nothing."""
    outcome = await retired(world)
    number = int(outcome.mint_number)
    await world.retirements.give_back(number, by="alice", because=WHY)
    await world.rows(DOWN)
    async with fencing(world.worker, fake) as one:
        assert await compared(one, fake, number)
    assert fake.ledger_told == []


@pytest.mark.invariant("I2", "I4")
async def test_who_waits_while_the_fence_is_opened_finds_it_down_and_draws_the_next_time(world: World) -> None:
    """What is said of the fence is from before the wait, which is the careful answer; numbers begin above the known."""
    await world.programme()
    await an_approval(world)
    await world.rows(DOWN)

    async def waits() -> bool | None:
        """Tell whether the request has come to the fence."""
        asked = "select count(*) from pg_stat_activity where wait_event = 'advisory' and datname = current_database()"
        return await world.one(asked) == 1 or None

    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as person:
        await person.execute("select ledger.account_for_numbers(500)")
        request = asyncio.create_task(world.request())
        await eventually(waits, within_s=30, what="the request has come to the fence")
        await person.commit()
        with pytest.raises(NumbersFenced):
            await request
    await world.request()
    assert [one.mint_number for one in await requests(world)] == ["501"]
