"""Mints that are held: nobody takes them until they are released, and what the chain says moves them all the same."""

import msgspec
import pytest

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.rules.attention import worries
from cashback.chain.store import holds, sightings
from cashback.processes import adapter
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving

REASON = "unexplained"


async def hold(bench: Bench, *numbers: int) -> None:
    """Hold mints, in a transaction of its own."""
    async with bench.database.transaction() as tx:
        assert await holds.hold(tx, numbers, REASON) == set(numbers)


async def test_a_held_mint_is_in_no_call_until_it_is_released(settings: adapter.Settings) -> None:
    """Its neighbours go; it goes once it is let go."""
    async with assembled(settings) as bench:
        await bench.submit(mint(1), mint(2), mint(3))
        await hold(bench, 2)
        async with running(*loops(bench)):
            await bench.settled([1, 3])
            [view] = await bench.views([2])
            assert (view.state, view.reason, view.submitted_at_ms) == ("held", REASON, 0)
            assert view.held_at_ms >= view.accepted_at_ms
            async with bench.database.transaction() as tx:
                assert await holds.release(tx, [1, 2, 9]) == {2}
            [*_, last] = await bench.settled([1, 2, 3])
            assert (last.mint.number, last.kind) == (2, "minted")
        [view] = await bench.views([2])
        assert (view.state, view.reason, view.held_at_ms) == ("final", "", 0)


async def test_only_a_mint_that_waits_can_be_held_and_only_a_held_one_released(settings: adapter.Settings) -> None:
    """Holding twice keeps the first reason; what is signed or done is not taken back."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        async with bench.database.transaction() as tx:
            assert await holds.hold(tx, [1, 2], REASON) == frozenset()
            assert await holds.release(tx, [1, 2]) == frozenset()
    async with assembled(settings) as bench:
        await bench.submit(mint(2))
        await hold(bench, 2)
        async with bench.database.transaction() as tx:
            assert await holds.hold(tx, [2], "out_of_gas") == frozenset()
        assert [view.reason for view in await bench.views([2])] == [REASON]


@pytest.mark.invariant("I2")
async def test_a_held_mint_that_somebody_else_mints_is_minted_and_held_again_when_that_block_goes(
    settings: adapter.Settings,
) -> None:
    """Truth is the log, whoever's transaction carried it; a reorganisation finds the way back, and the reason."""
    asked = mint(1)
    async with assembled(settings) as bench:
        await bench.submit(asked)
        await hold(bench, 1)
        async with running(*loops(bench)):
            await bench.lever.mine(5)
            await bench.people.mint_elsewhere(asked)
            [view] = await bench.reached([1], "included", "safe")
            assert view.reason == ""
            await bench.followed()
            await bench.lever.reorganise(1)
            await bench.lever.mine()
            [view] = await bench.reached([1], "held")
            assert (view.reason, view.transaction_hash) == (REASON, b"")
            await bench.people.mint_elsewhere(asked)
            [outcome] = await bench.settled([1])
            assert outcome.kind == "minted"


async def test_a_held_mint_whose_number_is_retired_fails_for_good(settings: adapter.Settings) -> None:
    """As one that waits does."""
    async with assembled(settings) as bench:
        await bench.submit(mint(1))
        await hold(bench, 1)
        async with running(*loops(bench)):
            await bench.people.retire_elsewhere(1)
            [outcome] = await bench.settled([1])
            assert (outcome.kind, outcome.reason) == ("failed", "number_retired")


async def test_a_held_mint_takes_the_verdict_of_a_number_that_was_used_before(settings: adapter.Settings) -> None:
    """What stands in `used_numbers` decides about it as about one that waits."""
    async with serving(settings) as bench:
        await bench.people.retire_elsewhere(1)
        await bench.followed()
    async with assembled(settings) as bench:
        async with bench.database.transaction() as tx:
            await tx.execute(
                "insert into chain.mints (number, cashback_id, recipient, amount) values (1, 'cb_1', %s, 1)",
                (b"\1" * 20,),
            )
        await hold(bench, 1)
        async with bench.database.transaction() as tx:
            await sightings.settle_used(tx, [1])
        assert [(view.state, view.reason) for view in await bench.views([1])] in (
            [("included", "number_retired")],
            [("safe", "number_retired")],
        )


async def test_held_mints_are_counted_and_need_a_person(settings: adapter.Settings) -> None:
    """The state names the lowest of them."""
    many = range(1, 26)
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.submit(*(mint(number) for number in many), mint(99))
        assert (await caller.status()).held == 0
        await hold(bench, *many)
        view = await caller.status()
        assert (view.held, view.held_numbers, view.accepted_waiting) == (25, list(many[:20]), 1)
        assert "25 held, since the contracts refuse them: 1, 2, 3" in " / ".join(worries(view))
        assert not worries(msgspec.structs.replace(view, held=0))
