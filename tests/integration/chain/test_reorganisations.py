"""Blocks that are replaced: mints move back and out again by themselves, and what is final never moves."""

import msgspec
import pytest

from cashback.processes import adapter
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import mint, serving


@pytest.mark.invariant("I2", "I9")
@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_a_reorganisation_moves_mints_back_and_out_again(settings: adapter.Settings, depth: int) -> None:
    """The dropped transaction is offered again, the same bytes; there is one outcome, with the new block."""
    async with serving(settings) as bench:
        await bench.submit(mint(1), mint(2))
        before = await bench.reached([1, 2], "included", "safe")
        await bench.lever.mine(depth - 1)
        await bench.followed()
        await bench.lever.automine(is_on=False)
        await bench.lever.reorganise(depth)
        await bench.reached([1, 2], "submitted")
        await bench.lever.automine(is_on=True)
        await bench.lever.mine()
        outcomes = await bench.settled([1, 2])
        assert [outcome.kind for outcome in outcomes] == ["minted", "minted"]
        assert {one.place.transaction_hash for one in outcomes} == {view.transaction_hash for view in before}
        assert {one.place.block_hash for one in outcomes}.isdisjoint({view.block_hash for view in before})
        assert [await bench.logs_of(1), await bench.logs_of(2)] == [1, 1]


async def test_a_reorganisation_below_the_final_block_halts_minting(settings: adapter.Settings) -> None:
    """What was final must not move: an operator looks."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await bench.lever.mine(3)
        await bench.followed()
        await bench.lever.reorganise(9)
        await bench.lever.mine()
        assert await bench.halted() == "reorganised_below_final"
        assert [view.state for view in await bench.views([1])] == ["final"]


async def test_a_node_that_calls_another_branch_final_is_not_believed(settings: adapter.Settings) -> None:
    """Nothing becomes final on its word; once it agrees again, everything goes on."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.submit(mint(1))
        await bench.reached([1], "included")
        stray = await bench.lever.call("eth_getBlockByNumber", "0x2", False)
        proxy.tag("finalized", {**stray, "hash": f"0x{'ab' * 32}"})
        await bench.lever.mine(6)
        await proxy.met("finalized")
        assert [view.state for view in await bench.views([1])] == ["included"]
        proxy.tag("finalized", None)
        await bench.settled([1])


async def test_sightings_of_strangers_numbers_are_forgotten_with_their_blocks(settings: adapter.Settings) -> None:
    """A number that was used only in a block that is gone is free again."""
    async with serving(settings) as bench:
        elsewhere = mint(5, amount=77)
        await bench.people.mint_elsewhere(elsewhere)
        await bench.followed()
        assert await bench.rows("select number from chain.used_numbers") == [(5,)]
        await bench.lever.reorganise(1)
        await bench.lever.mine()
        await bench.followed()
        await bench.submit(mint(5, amount=78))
        [outcome] = await bench.settled([5])
        assert (outcome.kind, outcome.mint.amount) == ("minted", 78)
