"""Outcomes that are void, since their final block was replaced: the mint is handed over again and decided anew."""

import pytest

from cashback.minting import Readings
from tests.integration.minting.test_follower import accepted
from tests.integration.minting.world import World


@pytest.mark.invariant("I2", "I5")
async def test_a_mint_whose_final_block_was_replaced_is_handed_over_again_and_minted_elsewhere(world: World) -> None:
    """It is told as reverted, with the place that is void, then as minted, one reversal later; read again, as is."""
    await world.mint(4)
    before = (await Readings(world.auditor).show(4)).inclusion
    assert before is not None
    world.fake.revert(4)
    await world.follow()
    assert (await world.states(), await world.due()) == ({4: "accepted"}, [4])
    assert await world.submitter().submit_due() == 1
    world.fake.mint([4], block_number=9)
    await world.follow()
    assert await world.states() == {4: "minted"}
    told = [(one["type"], one["block_number"], one.get("reversals", 0)) for one in await world.events()]
    assert told == [("token.minted", "7", 0), ("token.mint.reverted", "7", 1), ("token.minted", "9", 1)]
    assert (await world.events())[1]["transaction_hash"] == f"0x{before.transaction_hash.hex()}"
    world.execute("update minting.outcome_cursor set sequence = 0")
    await world.follow()
    assert (await world.states(), len(await world.events()), await world.halts()) == ({4: "minted"}, 3, [])


async def test_a_failure_that_is_void_lets_the_mint_be_made(world: World) -> None:
    """The block in which the contract had skipped it was replaced."""
    await accepted(world, 1)
    world.fake.fail(1, "recipient_invalid")
    await world.follow()
    world.fake.revert(1)
    await world.follow()
    assert (await world.states(), await world.due()) == ({1: "accepted"}, [1])
    world.fake.mint([1])
    await world.follow()
    assert [one["type"] for one in await world.events()] == ["token.mint.failed", "token.mint.reverted", "token.minted"]


@pytest.mark.invariant("I2")
async def test_a_number_that_was_retired_stays_so_whatever_became_of_the_block(world: World) -> None:
    """Its cashback may have another number since, so no void outcome lets it be handed over again."""
    await accepted(world, 1)
    world.fake.fail(1, "number_retired")
    await world.follow()
    world.fake.revert(1)
    await world.follow()
    world.fake.fail(1, "number_retired")
    await world.follow()
    assert (await world.states(), await world.due(), await world.halts()) == ({1: "stuck"}, [], [])
    assert [one["type"] for one in await world.events()] == ["token.mint.failed"]
