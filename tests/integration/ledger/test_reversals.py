"""Mints that are taken back because their final block was replaced: in flight again, and settled anew, in any order."""

from datetime import timedelta
from itertools import permutations

import msgspec
import psycopg
import pytest

from cashback.ledger import State
from cashback.ledger.model import OutcomeContradicts
from cashback.ledger.service.settlement import Told
from tests.integration.ledger.outcomes import minted_after, reverted_outcome
from tests.integration.ledger.test_mints import states
from tests.integration.ledger.world import World, buy, failed_outcome, minted_outcome


@pytest.mark.invariant("I1", "I5", "I6")
@pytest.mark.parametrize("first", ["minted", "failed"])
async def test_reversals_end_alike_in_every_order(world: World, first: str) -> None:
    """Decided, taken back, minted elsewhere, in every order, one by one or at once, and again: minted elsewhere."""
    names = ["first", "reverted", "elsewhere"]
    orders = [*permutations(names), *permutations([*names, "reverted"])]
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant) for _ in orders])
    await world.request()
    for order, answer in zip(orders, answers, strict=True):
        id_ = answer.cashback.id
        elsewhere = await minted_after(world, id_, reversals=1)
        decided = await (minted_outcome if first == "minted" else failed_outcome)(world, id_)
        told: dict[str, Told] = {
            "first": decided,
            "reverted": await reverted_outcome(world, id_),
            "elsewhere": elsewhere,
        }
        for name in order:
            await world.settle(told[name])
        await world.settle(*told.values())
        cashback = await world.readings.cashback(id_)
        assert (cashback.state, cashback.block_hash, order) == (State.MINTED, elsewhere.block_hash, order)
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
@pytest.mark.parametrize("first", ["minted", "failed"])
async def test_a_mint_that_is_taken_back_is_in_flight_again_and_says_why(world: World, first: str) -> None:
    """Its tokens are moved back, it has neither place nor failure, and its request goes out again in time."""
    await world.programme()
    user = await world.user()
    [answer] = await world.record(buy(user, await world.merchant()))
    await world.request()
    await world.settle(await (minted_outcome if first == "minted" else failed_outcome)(world))
    for _ in range(2):
        await world.settle(await reverted_outcome(world))
    cashback = await world.readings.cashback(answer.cashback.id)
    assert (cashback.state, cashback.transaction_hash, cashback.failure) == (State.MINT_REQUESTED, None, None)
    _, [balance] = await world.readings.balances_of_user(user.id)
    assert (balance.in_flight, balance.minted.cashbacks, balance.stuck.cashbacks) == (balance.granted, 0, 0)
    last = (await world.readings.timeline(cashback.id))[-1]
    assert (last.to_state, last.actor, last.cause) == (State.MINT_REQUESTED, "minting", "block_replaced")
    assert await world.one("select count(*) from ledger.transfers where cause = 'revert'") == 1
    world.clock.advance(timedelta(hours=2))
    assert (await world.sweeper.round()).reissued == 1
    await world.assert_books_prove()


async def test_a_reversal_of_another_mint_changes_nothing(world: World) -> None:
    """The number stands for one cashback for ever."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    await world.settle(await minted_outcome(world))
    wrong = msgspec.structs.replace(await reverted_outcome(world), cashback_id="cb_of_somebody_else")
    with pytest.raises(OutcomeContradicts):
        await world.settle(wrong)
    assert await states(world) == ["minted"]


async def test_a_minted_cashback_goes_back_only_with_one_more_reversal(world: World) -> None:
    """The schema itself refuses it to whoever forgets to count, and to count backwards."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    await world.settle(await minted_after(world, reversals=2))
    back = "state = 'mint_requested', transaction_hash = null, block_number = null, block_hash = null, minted_at = null"
    for change in (back, f"{back}, reversals = 1", "reversals = 1"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="one more reversal"):
            async with world.worker.transaction() as tx:
                await tx.execute(f"update ledger.cashback_ledger set {change}")
