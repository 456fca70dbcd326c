"""The highest number that was ever requested is told to the adapter, over and over, whatever else stands still."""

import pytest

from cashback.kernel.money import MINT_NUMBER_MAX
from cashback.minting import Halts, NumberTeller, Readings
from cashback.minting.service import numbers
from tests.integration.minting.world import World, eventually, request, running


async def test_the_highest_number_is_told_and_told_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while minting is halted, and after the adapter was away."""
    monkeypatch.setattr(numbers, "TELL_EVERY_S", 0.01)
    await world.take(request(4), request(2))
    await Halts(world.operator).halt_by_hand(by="alice", detail="a drill")
    async with running(NumberTeller(world.database, world.adapter).run):
        await eventually(lambda: _is_told(world, 4))
        await world.fake.go_down()
        await world.take(request(9))
        await world.fake.go_up()
        await eventually(lambda: _is_told(world, 9))
    assert world.fake.submissions == []


async def test_a_number_that_no_ledger_gives_out_is_not_told(world: World) -> None:
    """Whoever requested it, it sets no ledger back for ever."""
    assert await Readings(world.auditor).highest_number() == 0
    await world.take(request(3), request(MINT_NUMBER_MAX + 1, amount=1))
    assert await Readings(world.auditor).highest_number() == 3
    assert await Readings(world.auditor).known([3, 4, MINT_NUMBER_MAX + 1]) == {3, MINT_NUMBER_MAX + 1}


async def _is_told(world: World, number: int) -> bool:
    """Tell whether the adapter has heard of a number."""
    return world.fake.requested_number == number
