"""A mint that is accepted while the follower takes in the block in which the chain has made it long ago (I2)."""

import asyncio

import pytest

from cashback.chain.model import Mint
from cashback.chain.store import mints, sightings
from cashback.processes import adapter
from tests.integration.chain.support import Bench, assembled, loops, mint, running
from tests.integration.chain.waiting import eventually


async def accepted_beside_the_follower(bench: Bench, asked: Mint) -> None:
    """Accept a mint as `Acceptance.submit` does, and commit once the follower has passed the log of its number.

    Neither sees what the other has stored: both ask before either commits.
    """
    has_asked, may_commit = asyncio.Event(), asyncio.Event()

    async def accepts() -> None:
        """Store it, find nothing of it on the chain, and commit when told."""
        async with bench.database.transaction() as tx:
            await sightings.rely(tx)
            assert await sightings.used_otherwise(tx, [asked]) == frozenset()
            assert await mints.admit(tx, [asked]) == {asked.number}
            await sightings.settle_used(tx, [asked.number])
            has_asked.set()
            await may_commit.wait()

    async def is_passed() -> bool | None:
        """Tell whether the log is remembered as nobody's."""
        return await bench.rows("select number from chain.used_numbers") == [(asked.number,)] or None

    accepting = asyncio.create_task(accepts())
    await has_asked.wait()
    async with running(bench.adapter.follower.run):
        await eventually(is_passed)
        may_commit.set()
        await accepting


@pytest.mark.invariant("I2")
async def test_a_mint_that_the_follower_has_just_passed_is_settled_by_its_own_call(settings: adapter.Settings) -> None:
    """The call skips the number, which the chain has used for this very mint: its outcome is that, and it is one."""
    asked = mint(5)
    async with assembled(settings) as bench:
        await bench.people.mint_elsewhere(asked)
        await accepted_beside_the_follower(bench, asked)
        assert [view.state for view in await bench.views([5])] == ["accepted"]
        async with running(*loops(bench)):
            [outcome] = await bench.settled([5])
        assert (outcome.kind, outcome.mint) == ("minted", asked)
        assert await bench.logs_of(5) == 1


@pytest.mark.invariant("I2")
async def test_a_number_that_the_chain_has_used_for_another_mint_halts_though_it_was_just_passed(
    settings: adapter.Settings,
) -> None:
    """The call skips it, and what is known of the number does not tell why: a person looks."""
    async with assembled(settings) as bench:
        await bench.people.mint_elsewhere(mint(5, amount=77))
        await accepted_beside_the_follower(bench, mint(5))
        async with running(*loops(bench)):
            assert await bench.halted(mining=True) == "number_used_without_log"
        assert [view.state for view in await bench.views([5])] == ["submitted"]
