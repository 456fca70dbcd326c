"""A mint that nobody submitted here: the database is older than the chain, or somebody else mints. Never signed on.

While a database is rebuilt such mints are the past that it learns; from when its lanes are open, nothing excuses them.
"""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel.config import Secret
from cashback.processes import adapter, signing
from tests.integration.chain.conftest import PASSWORD
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving
from tests.integration.chain.waiting import eventually
from tests.support.servers import Databases

UNKNOWN = "minted, and never submitted here: "


async def is_known(bench: Bench) -> int:
    """Return from which block on every mint is known, once that is so; blocks are made meanwhile."""

    async def look() -> int | None:
        await bench.lever.mine()
        [(block,)] = await bench.rows("select known_from_block from chain.network")
        return None if block is None else int(block)

    return await eventually(look)


async def detail(bench: Bench) -> str:
    """Return what the last halt told."""
    [(told,)] = await bench.rows("select detail from chain.halt_journal order by id desc limit 1")
    return str(told)


def role_of(dsn: str) -> Secret:
    """Return the adapter's DSN of a database."""
    return Secret(make_conninfo(dsn, user="chain_adapter", password=PASSWORD))


@pytest.mark.invariant("I2", "I10")
async def test_a_restored_older_database_sees_the_mints_that_it_has_forgotten_and_signs_nothing(
    settings: adapter.Settings, chain_dsn: str, databases: Databases
) -> None:
    """They stand in blocks after its backup, under numbers that it does not know: the list that is told."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await is_known(bench)
    with databases.fresh(str(conninfo_to_dict(chain_dsn)["dbname"])) as backup:
        async with serving(settings) as bench:
            await bench.submit(mint(2), mint(3))
            await bench.settled([2, 3])
        restored = msgspec.structs.replace(settings, chain_dsn=role_of(backup))
        async with assembled(restored) as bench, running(bench.adapter.follower.run):
            assert await bench.halted() == "unknown_mint"
            assert await detail(bench) == f"{UNKNOWN}2, 3"
        async with serving(restored) as bench:
            await bench.submit(mint(4))
            await bench.lever.mine(5)
            await bench.followed()
            assert [view.state for view in await bench.views([4])] == ["accepted"]
            assert await bench.rows("select from chain.slots where nonce > 0") == []


@pytest.mark.invariant("I3", "I10")
async def test_whoever_else_mints_is_found_by_the_block_that_shows_it(settings: adapter.Settings) -> None:
    """I3: a module or an operator that is not ours, while our own mints go on to their truth."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await is_known(bench)
        await bench.people.mint_elsewhere(mint(77))
        await bench.lever.mine()
        assert await bench.halted() == "unknown_mint"
        assert await detail(bench) == f"{UNKNOWN}77"


async def test_a_stranger_who_mints_before_anything_was_ever_minted_here_is_found_as_well(
    settings: adapter.Settings,
) -> None:
    """The lanes of a new installation are open at once: nobody's past is waited for."""
    async with serving(settings) as bench:
        await eventually(lambda: _has_lanes(bench, 1))
        await bench.people.mint_elsewhere(mint(77))
        await bench.lever.mine()
        assert await bench.halted() == "unknown_mint"


@pytest.mark.invariant("I2")
async def test_a_number_beyond_every_ledger_is_unknown_too(settings: adapter.Settings) -> None:
    """The token takes 64 bits; we give out 63."""
    async with serving(settings) as bench:
        await is_known(bench)
        await bench.people.mint_elsewhere(mint(2**64 - 1))
        await bench.lever.mine()
        assert await bench.halted() == "unknown_mint"
        assert await detail(bench) == f"{UNKNOWN}{2**64 - 1}"


@pytest.mark.invariant("I2")
async def test_a_rebuilt_database_learns_its_past_though_its_lanes_open_one_by_one(
    settings: adapter.Settings, databases: Databases
) -> None:
    """One signer has nothing in the pools, the other's mint comes late: until that is final nobody is accused."""
    two = msgspec.structs.replace(settings, key_count=2)
    first, second = two.signers()
    async with assembled(settings) as bench:
        await bench.people.employ(second.address)
        await bench.lever.mine()
    async with assembled(two) as bench, running(bench.adapter.follower.run, bench.adapter.lanes[1].run):
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.answered("accepted")
    with databases.fresh("chain_template") as dsn:
        empty = msgspec.structs.replace(two, chain_dsn=role_of(dsn), bump_ms=60_000)
        async with assembled(empty) as bench, running(*loops(bench)):
            await eventually(lambda: _has_lanes(bench, 1))
            assert await bench.rows("select address from chain.lanes") == [(first.address,)]
            await bench.lever.mine()
            await bench.followed()
            assert await bench.rows("select number from chain.used_numbers") == [(1,)]
            await is_known(bench)
            assert await bench.rows("select halted_reason from chain.network") == [(None,)]
            await bench.people.mint_elsewhere(mint(77))
            await bench.lever.mine()
            assert await bench.halted() == "unknown_mint"
            assert await detail(bench) == f"{UNKNOWN}77"


@pytest.mark.invariant("I2")
async def test_leftovers_that_are_mined_in_the_place_of_no_ops_accuse_nobody(
    settings: adapter.Settings, databases: Databases
) -> None:
    """A rebuilt lane opens over what pools hold; the old mint may still win, and only then does the past end."""
    rich = msgspec.structs.replace(settings, tip_floor_wei=60 * signing.GWEI)
    async with assembled(rich) as bench, running(bench.adapter.follower.run, bench.adapter.lanes[0].run):
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.answered("accepted")
    with databases.fresh("chain_template") as dsn:
        # Too low a cap to replace what waits there: the old mint wins.
        empty = msgspec.structs.replace(settings, chain_dsn=role_of(dsn), bump_ms=300, fee_cap_wei=50 * signing.GWEI)
        async with serving(empty) as bench:
            await eventually(lambda: _has_lanes(bench, 1))
            await bench.lever.mine()
            await bench.followed()
            assert await bench.rows("select number from chain.used_numbers") == [(1,)]
            await is_known(bench)
            assert await bench.rows("select halted_reason from chain.network") == [(None,)]


async def test_a_signer_with_a_past_of_its_own_that_comes_later_accuses_nobody(settings: adapter.Settings) -> None:
    """What it sent elsewhere was no mint of ours; the beginning of what is known stays where it was."""
    two = msgspec.structs.replace(settings, key_count=2)
    second = two.signers()[1].address
    async with serving(settings) as bench:
        await bench.people.employ(second)
        known = await is_known(bench)
        await bench.lever.call("anvil_impersonateAccount", f"0x{second.hex()}")
        past = {"from": f"0x{second.hex()}", "to": f"0x{second.hex()}", "gas": hex(21_000)}
        await bench.lever.call("eth_sendTransaction", past)
        await bench.lever.mine()
    async with serving(two) as bench:
        await bench.submit(*[mint(number) for number in range(1, 5)])
        await bench.settled(range(1, 5))
        await _mining(bench, lambda: _has_lanes(bench, 2))
        assert await bench.rows("select known_from_block, halted_reason from chain.network") == [(known, None)]


async def _has_lanes(bench: Bench, many: int) -> bool | None:
    """Tell whether so many lanes are open; None when not."""
    [(found,)] = await bench.rows("select count(*) from chain.lanes")
    return True if found == many else None


async def _mining(bench: Bench, look: Callable[[], Awaitable[bool | None]]) -> None:
    """Return once something is so, making blocks meanwhile."""

    async def once_more() -> bool | None:
        await bench.lever.mine()
        return await look()

    await eventually(once_more)
