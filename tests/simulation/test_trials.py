"""Calls that are tried before they are signed: the simulated node and a real one give the same verdicts."""

from collections.abc import Sequence

import msgspec
import pytest

from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.model import Address, Call, Waiting
from cashback.chain.rules import isolation, packing
from cashback.chain.rules.isolation import GOES
from tests.integration.chain.poison import BURNING, UNDOING
from tests.simulation import scene
from tests.simulation.abi import selector
from tests.simulation.subjects import CAPACITY, Subject
from tests.simulation.test_conformance import ALICE, BOB


def carrying(*mints: tuple[int, Address, int]) -> Call:
    """Return a call as the adapter packs it."""
    return packing.carrying([Waiting(number, to, amount) for number, to, amount in mints])


async def verdicts(subject: Subject, calls: Sequence[Call], *, block: int | None = None) -> list[str]:
    """Return why each call would do nothing on top of a block, the head unless told."""
    at = (await subject.blocks.latest()).number if block is None else block
    tried = await subject.contracts.tried(calls, sender=scene.OPERATOR.address, block=at)
    return [isolation.reason(trial) for trial in tried]


async def test_calls_of_either_form_go_and_a_trial_changes_nothing(subject: Subject) -> None:
    """Not even for the next one in the same question; what is skipped with an event is no failure."""
    window, spread = carrying((1, ALICE, 5), (3, BOB, 1)), carrying((1, ALICE, 5), (900, BOB, 1))
    assert await verdicts(subject, [window, window, spread, carrying((1, subject.token, 1))]) == [GOES] * 4
    assert await subject.contracts.supply((await subject.blocks.latest()).number) == 0
    await subject.mined(scene.OPERATOR, window.calldata)
    assert await verdicts(subject, [window, spread]) == [GOES, GOES]


async def test_what_the_world_stops_is_told_by_its_name_at_the_block_that_was_asked_about(subject: Subject) -> None:
    """Before the pause the call goes, also when asked afterwards."""
    call = carrying((1, ALICE, 5))
    before = (await subject.blocks.latest()).number
    assert await verdicts(subject, [call, carrying((2, BOB, CAPACITY + 1))]) == [GOES, "mint_limit_reached"]
    await subject.mined(scene.GUARDIAN, selector("pause()"))
    assert await verdicts(subject, [call]) == ["minter_paused"]
    assert await verdicts(subject, [call], block=before) == [GOES]


async def test_the_bound_is_the_gas_that_a_call_is_tried_with(subject: Subject) -> None:
    """Less than a call costs before it begins is out of gas; a little more is not enough either."""
    call = carrying(*((number, Address(number.to_bytes(20)), 1) for number in range(1_000, 1_040)))
    less = [msgspec.structs.replace(call, gas=gas) for gas in (20_000, 21_500, call.gas // 4)]
    first, second, third, whole = await verdicts(subject, [*less, call])
    assert (first, second, whole) == ("out_of_gas", "out_of_gas", GOES)
    assert third in {"out_of_gas", "unexplained"}


async def test_poison_undoes_the_whole_call_that_carries_it_and_no_other(subject: Subject) -> None:
    """In either form; without a reason, be it a revert or all the gas."""
    good, undone = carrying((1, ALICE, 1), (2, BOB, 1)), carrying((1, ALICE, 1), (2, UNDOING, 1))
    burnt = carrying((1, BURNING, 1), (900, BOB, 1))
    assert await verdicts(subject, [good, undone, burnt]) == [GOES] * 3
    await subject.moves.brew(subject.token)
    assert await verdicts(subject, [good, undone, burnt]) == [GOES, "unexplained", "unexplained"]


async def test_many_calls_are_tried_in_questions_of_a_bounded_length(subject: Subject) -> None:
    """Each has its own verdict, in the order given."""
    await subject.moves.brew(subject.token)
    calls = [carrying((number, UNDOING if number % 7 == 0 else ALICE, 1)) for number in range(1, 121)]
    expected = ["unexplained" if number % 7 == 0 else GOES for number in range(1, 121)]
    assert await verdicts(subject, calls) == expected


async def test_of_a_block_that_is_not_there_nothing_is_told(subject: Subject) -> None:
    """That is no verdict about the call."""
    with pytest.raises(EndpointRefused):
        await verdicts(subject, [carrying((1, ALICE, 5))], block=10_000)
