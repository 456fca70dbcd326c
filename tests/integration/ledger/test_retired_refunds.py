"""A cashback whose purchase is returned while its tokens are on their way, to a number that is retired (I1, I2, I8)."""

import pytest

from cashback.purchases.model import PurchaseAnswer
from tests.integration.ledger.refunding import balance, give_back, refunded, standing
from tests.integration.ledger.world import World, buy, failed_outcome, minted_outcome, requests

pytestmark = pytest.mark.invariant("I1", "I2", "I8")
POLICIES = ["net_future", "write_off"]


async def in_flight(world: World, policy: str) -> PurchaseAnswer:
    """Give a purchase whose 1.50 USD of cashback are requested, under a programme of this policy."""
    programme = await world.programme()
    await world.rows("update ledger.programmes set refund_policy = %s where id = %s", policy, programme.id)
    [bought] = await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    return bought


async def given_back(world: World, purchase: PurchaseAnswer) -> None:
    """Retire the number that its cashback has, and give it back."""
    outcome = await failed_outcome(world, purchase.cashback.id, reason="number_retired")
    await world.settle(outcome)
    assert await world.retirements.give_back(int(outcome.mint_number), by="alice", because="the wallet is lost")
    await world.assert_books_prove()


async def requested_again(world: World) -> int:
    """Have the worker request what it has missed, and return the tokens of the last request."""
    world.clock.advance(world.policy.missed_after * 2)
    await world.sweeper.round()
    await world.assert_books_prove()
    return int((await requests(world))[-1].token_units)


@pytest.mark.parametrize("policy", POLICIES)
async def test_what_was_returned_in_flight_is_not_minted_under_the_next_number(world: World, policy: str) -> None:
    """Whatever the programme does with debt: these tokens were never minted, so nothing of them is given up."""
    bought = await in_flight(world, policy)
    await refunded(world, give_back(bought, 4_000))
    await given_back(world, bought)
    assert await requested_again(world) == 900_000
    await world.settle(await minted_outcome(world, bought.cashback.id))
    after = await standing(world, bought)
    assert (after["state"], after["net_minor"], after["requested_units"], after["netted_units"]) == (
        *("minted", 90),
        *(900_000, 600_000),
    )
    assert await balance(world, (bought.user_id), "debt") == 0
    await world.assert_books_prove()


@pytest.mark.parametrize("policy", POLICIES)
async def test_what_is_returned_before_the_next_request_is_not_minted_either(world: World, policy: str) -> None:
    """Its tokens are not on their way at that time."""
    bought = await in_flight(world, policy)
    await given_back(world, bought)
    await refunded(world, give_back(bought, 4_000))
    assert await requested_again(world) == 900_000


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_second_retired_number_takes_only_what_was_returned_since(world: World, policy: str) -> None:
    """What was owed again for the first one is not owed a third time."""
    bought = await in_flight(world, policy)
    await refunded(world, give_back(bought, 4_000))
    await given_back(world, bought)
    assert await requested_again(world) == 900_000
    await refunded(world, give_back(bought, 2_000))
    await given_back(world, bought)
    assert await requested_again(world) == 600_000


@pytest.mark.parametrize("policy", POLICIES)
async def test_what_was_returned_whole_is_never_requested_again(world: World, policy: str) -> None:
    """All of it is kept back: the cashback is netted."""
    bought = await in_flight(world, policy)
    await refunded(world, give_back(bought))
    await given_back(world, bought)
    await requested_again(world)
    assert len(await requests(world)) == 1
    assert (await standing(world, bought))["state"] == "netted"
