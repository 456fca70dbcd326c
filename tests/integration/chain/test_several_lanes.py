"""Several signers: they fill side by side, take nothing and spend no allowance twice, hand over in mid flight."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import psycopg
import pytest
import structlog

from cashback.chain.model import Lane, Person, RaceLost
from cashback.chain.service.sequencing import Sequencer
from cashback.chain.store import lanes as store
from cashback.processes import adapter
from tests.integration.chain.slow import SlowSigner
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving
from tests.integration.chain.waiting import eventually

WHOLE = 1_000_000
ALICE = Person("alice")


@pytest.fixture
async def many(settings: adapter.Settings) -> adapter.Settings:
    """Give the settings of an adapter with three lanes, whose signers may mint and can pay."""
    several = msgspec.structs.replace(settings, key_count=3, connections=10)
    async with assembled(settings) as bench:
        for signer in several.signers():
            await bench.people.employ(signer.address)
    return several


@asynccontextmanager
async def still(settings: adapter.Settings) -> AsyncIterator[tuple[Bench, list[Sequencer]]]:
    """Give an adapter that holds its lanes, each opened, and whose loops do not run; and its sequencers."""
    async with assembled(settings) as bench:
        for lane in bench.adapter.lanes:
            assert await lane._tenure.hold()
            await lane._serve()
        yield bench, [lane._intake.sequencer for lane in bench.adapter.lanes]


async def carried(bench: Bench) -> dict[int, list[int]]:
    """Return the numbers that each lane has taken."""
    rows = await bench.rows("select lane, number from chain.mints where lane is not null order by number")
    return {lane: [number for one, number in rows if one == lane] for lane in {row[0] for row in rows}}


async def lanes_of(bench: Bench) -> list[Lane]:
    """Return every lane, as stored."""
    async with bench.database.transaction() as tx:
        return await store.lanes(tx)


@pytest.mark.invariant("I2", "I9")
async def test_several_lanes_share_the_work_and_mint_each_number_once(many: adapter.Settings) -> None:
    """Work is balanced over the signers, none waits for another, and none takes what another is taking.

    See https://github.com/OpenZeppelin/openzeppelin-relayer/issues/528, where one signer did it all.
    """
    small = msgspec.structs.replace(many, batch_mints=10, slots_in_flight=4)
    with structlog.testing.capture_logs() as lines:
        async with serving(small) as bench:
            for first in range(1, 451, 150):
                await bench.submit(*[mint(number) for number in range(first, first + 150)])
            outcomes = await bench.settled(range(1, 451))
            assert sorted(outcome.mint.number for outcome in outcomes) == list(range(1, 451))
            shares = [len(numbers) for numbers in (await carried(bench)).values()]
            gaps = await bench.rows(
                "select lane, count(*) from chain.slots group by lane having count(*) <> max(nonce) - min(nonce) + 1"
            )
    assert (len(shares), gaps) == (3, [])
    assert min(shares) >= 50
    assert [line for line in lines if line.get("problem") == "a mint no longer waits"] == []


@pytest.mark.invariant("I2")
async def test_a_lane_passes_over_what_another_one_is_taking(many: adapter.Settings) -> None:
    """The second looks while the first signs, and takes the next numbers; both store."""
    async with still(msgspec.structs.replace(many, batch_mints=5, slots_in_flight=1)) as (bench, (one, other, _)):
        await bench.submit(*[mint(number) for number in range(1, 11)])

        async def taken() -> None:
            """Let the other lane take what it can."""
            await other.turn()

        one._reserving._signer = SlowSigner(one._reserving._signer, taken)
        await one.turn()
        assert sorted((await carried(bench)).values()) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


@pytest.mark.invariant("I2")
async def test_a_lane_does_not_spend_the_allowance_that_another_one_is_about_to_sign_for(
    many: adapter.Settings,
) -> None:
    """Seven tokens may be minted, each takes five: the second leaves it to the first, and no call ever reverts."""
    async with still(msgspec.structs.replace(many, batch_mints=5, slots_in_flight=1)) as (bench, (one, other, _)):
        await bench.people.limit(capacity=7 * WHOLE, window_s=10**9)
        await bench.lever.mine()
        await bench.submit(*[mint(number, amount=WHOLE) for number in range(1, 11)])

        async def taken() -> None:
            """Let the other lane take what it can."""
            await other.turn()

        one._reserving._signer = SlowSigner(one._reserving._signer, taken)
        await one.turn()
        assert sorted((await carried(bench)).values()) == [[1, 2, 3, 4, 5], [6, 7]]


@pytest.mark.invariant("I2", "I9")
async def test_a_lane_that_stood_still_while_it_took_stores_nothing(many: adapter.Settings, chain_dsn: str) -> None:
    """Its announcement ran out, and another lane has taken the same mints: they are signed for once."""
    async with still(msgspec.structs.replace(many, slots_in_flight=1)) as (bench, (one, other, _)):
        await bench.submit(mint(1))
        await bench.ripe()

        async def slept() -> None:
            """Let its announcement run out, and the other lane take what it can."""
            with psycopg.connect(chain_dsn) as connection:
                connection.execute("update chain.lanes set taking_until = now() where taking_until is not null")
            await other.turn()

        one._reserving._signer = SlowSigner(one._reserving._signer, slept)
        with pytest.raises(RaceLost):
            await one.turn()
        assert list((await carried(bench)).values()) == [[1]]
        assert await bench.rows("select count(*) from chain.blockchain_transactions") == [(1,)]


@pytest.mark.invariant("I2", "I9")
async def test_a_draining_lane_finishes_what_it_has_while_another_takes_over(many: adapter.Settings) -> None:
    """Rotation in mid flight: its open transactions are mined, its key is not needed any more, nothing is lost."""
    both = msgspec.structs.replace(many, key_count=2)
    old, new = (signer.address for signer in both.signers())
    async with serving(both) as bench:
        await bench.lever.automine(is_on=False)
        await eventually(lambda: _are_open(bench, 2))
        rotation = bench.adapter.rotation
        assert await rotation.drain(new, by=ALICE, because="the old one first")
        await bench.submit(*[mint(number) for number in range(1, 6)])
        await bench.reached(range(1, 6), "submitted")
        assert await rotation.restore(new, by=ALICE, because="it takes over")
        assert await rotation.drain(old, by=ALICE, because="yearly rotation")
        await bench.submit(*[mint(number) for number in range(6, 11)])
        await bench.reached(range(6, 11), "submitted")
        await bench.lever.automine(is_on=True)
        await bench.settled(range(1, 11))
        drained = await eventually(lambda: _drained(bench))
        assert [lane.address for lane in drained] == [old]
        by_address = {lane.address: numbers for lane in await lanes_of(bench) for numbers in [lane.id]}
        shares = await carried(bench)
        assert (shares[by_address[old]], shares[by_address[new]]) == ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
    async with serving(msgspec.structs.replace(many, key_index=2, key_count=1)) as bench:
        await bench.submit(mint(11))
        await bench.settled([11])


async def _are_open(bench: Bench, count: int) -> bool | None:
    """Tell whether so many lanes are open."""
    return True if len(await lanes_of(bench)) == count else None


async def _drained(bench: Bench) -> list[Lane] | None:
    """Return the lanes that are drained, None when there are none; blocks are made meanwhile."""
    await bench.lever.mine()
    return [lane for lane in await lanes_of(bench) if lane.is_drained] or None


@pytest.mark.parametrize(
    "hour_max,day_max,reason",
    [(WHOLE - 1, 10 * WHOLE, "hourly_guard_reached"), (10 * WHOLE, WHOLE - 1, "daily_guard_reached")],
)
async def test_a_mint_larger_than_a_guard_allows_waits_for_that_guard_by_its_name(
    settings: adapter.Settings, hour_max: int, day_max: int, reason: str
) -> None:
    """Nothing was signed yet, and the contracts would allow it; what is smaller passes it by."""
    bounded = msgspec.structs.replace(settings, mint_hour_max=hour_max, mint_day_max=day_max)
    async with serving(bounded) as bench:
        await bench.submit(mint(1, amount=WHOLE))
        await bench.waits_for(reason)
        await bench.submit(mint(2, amount=1))
        await bench.settled([2])


async def test_a_mint_larger_than_a_guard_waits_for_that_guard_where_the_limit_is_nearer_as_well(
    settings: adapter.Settings,
) -> None:
    """The limit refills, and would let it through; the guard never does."""
    bounded = msgspec.structs.replace(settings, mint_hour_max=WHOLE - 1)
    async with serving(bounded) as bench:
        await bench.people.limit(capacity=WHOLE // 2, window_s=10**9)
        await bench.lever.mine()
        await bench.submit(mint(1, amount=WHOLE))
        await bench.waits_for("hourly_guard_reached")


async def test_what_may_be_signed_for_within_an_hour_is_bounded_whatever_the_contracts_allow(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """A mistake above the adapter reaches so far and no further; an hour later the lane goes on by itself."""
    bounded = msgspec.structs.replace(settings, mint_hour_max=3 * WHOLE, mint_day_max=5 * WHOLE)
    async with serving(bounded) as bench:
        await bench.submit(*[mint(number, amount=WHOLE) for number in range(1, 8)])
        await bench.waits_for("hourly_guard_reached")
        await bench.settled([1, 2, 3])
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.signed_amounts set minute = minute - interval '2 hours'")
        await bench.waits_for("daily_guard_reached")
        await bench.settled([4, 5])
        assert (await bench.rows("select sum(amount) from chain.signed_amounts")) == [(5 * WHOLE,)]
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.signed_amounts set minute = minute - interval '2 days'")
        await bench.settled([6, 7])
        assert (await bench.rows("select sum(amount) from chain.signed_amounts")) == [(2 * WHOLE,)]


async def test_running_adapters_share_the_lanes_of_the_same_keys(many: adapter.Settings) -> None:
    """Each lane is led by one of them; when one ends, the other leads all."""
    async with assembled(many) as one, assembled(many) as other:
        async with running(*loops(other)):
            async with running(*(lane.run for lane in one.adapter.lanes)):
                await one.submit(*[mint(number) for number in range(1, 50)])
                await one.settled(range(1, 50))
            await one.submit(*[mint(number) for number in range(50, 100)])
            await one.settled(range(50, 100))
        assert sum(len(numbers) for numbers in (await carried(one)).values()) == 99
