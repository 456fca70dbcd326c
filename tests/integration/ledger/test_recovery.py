"""Recovering a ledger in which numbers were given up: what it knows is nothing to tell, and nothing is doubled (I2)."""

import msgspec
import pytest

from cashback.kernel.money import TokenUnits
from cashback.ledger.model import MintRecord, State
from cashback.ledger.service import Recovery
from tests.integration.ledger.test_retirements import WHY, retired
from tests.integration.ledger.world import World, minted_outcome, requests


async def records(world: World, *states: str) -> list[MintRecord]:
    """Return what minting holds of every request that was published, each in its state there."""
    return [
        MintRecord(
            number=int(request.mint_number),
            cashback_id=request.cashback_id,
            recipient=request.recipient,
            token_units=TokenUnits(int(request.token_units)),
            state=state,
        )
        for request, state in zip(await requests(world), states, strict=True)
    ]


def recovery(world: World) -> Recovery:
    """Return one recovery of a ledger."""
    return Recovery(world.worker, clock=world.clock)


@pytest.mark.invariant("I2", "I8")
async def test_a_cashback_that_was_given_back_does_not_adopt_the_number_that_it_gave_up(world: World) -> None:
    """It waits for another one, and is minted under that."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    assert await recovery(world).adopt(await records(world, "stuck"), is_dry_run=False) == []
    cashback = await world.readings.cashback(old.cashback_id)
    assert (cashback.state, cashback.mint_number) == (State.APPROVED, None)
    await world.request()
    await world.settle(await minted_outcome(world, old.cashback_id))
    assert (await world.readings.cashback(old.cashback_id)).state is State.MINTED
    await world.assert_books_prove()


async def test_a_second_number_is_nothing_to_tell_and_recovering_without_need_changes_nothing(world: World) -> None:
    """However often it is done: the next number is the one that it would have been."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    await world.request()
    await world.settle(await minted_outcome(world, old.cashback_id))
    before = await world.rows("select * from ledger.cashback_ledger")
    held = await records(world, "stuck", "minted")
    for _ in range(2):
        assert await recovery(world).adopt(held, is_dry_run=False) == []
        assert await recovery(world).reopen(held[-1].number) == held[-1].number
    assert await world.rows("select * from ledger.cashback_ledger") == before
    assert await world.one("select nextval('ledger.mint_numbers')") == held[-1].number + 1


async def test_a_number_that_was_given_up_is_one_that_the_ledger_knows(world: World) -> None:
    """A log of it is not told as nobody's."""
    old = await retired(world)
    number = int(old.mint_number)
    await world.retirements.give_back(number, by="alice", because=WHY)
    assert await recovery(world).unknown([number, number + 1]) == {number + 1}


async def test_a_number_that_another_cashback_gave_up_is_taken(world: World) -> None:
    """Minting has it for one, the ledger had it for another: that is for a person."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    [held] = await records(world, "minted")
    stranger = msgspec.structs.replace(held, cashback_id="cb_stranger")
    [told] = await recovery(world).adopt([stranger], is_dry_run=False)
    assert (told.kind.value, told.detail) == ("number_taken", f"the ledger gave the number to {old.cashback_id}")
