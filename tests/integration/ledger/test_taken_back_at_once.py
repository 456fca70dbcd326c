"""A cashback that is given back while something is taken back of it: as if one had come after the other (I1, I2, I8).

Whoever comes second has waited for the cashback in the statement that locks it. What that statement tells of other rows
is as it was before the wait; so nothing may be decided by it.
"""

from collections.abc import Coroutine
from typing import Any, Final

import pytest

from cashback.purchases.model import PurchaseAnswer
from tests.integration.ledger.adjusting import adjusted, debit_of, standing_of
from tests.integration.ledger.refunding import balance, give_back, refunded
from tests.integration.ledger.turns import in_turn
from tests.integration.ledger.world import World, buy, failed_outcome, minted_outcome, requests

pytestmark = pytest.mark.invariant("I1", "I2", "I8")

POLICIES: Final = ["net_future", "write_off"]
WHOLE: Final = 10_000
"""What each purchase costs; it earns 1.50 USD, which are 1,500,000 base units."""
HOW: Final = ["refund", "debit"]


async def on_its_way(world: World, *, returned: int) -> PurchaseAnswer:
    """Give a purchase whose cashback was requested, of which so much was returned then, and whose number is retired."""
    [bought] = await world.record(buy(await world.user(), await world.merchant(), WHOLE))
    await world.request(bought.cashback.id)
    if returned:
        await refunded(world, give_back(bought, returned))
    await world.settle(await failed_outcome(world, bought.cashback.id, reason="number_retired"))
    return bought


def taking(world: World, purchase: PurchaseAnswer, amount: int, how: str) -> Coroutine[Any, Any, object]:
    """Return what takes back what so much of a purchase had earned: that it is returned, or a person's word."""
    if how == "refund":
        return refunded(world, give_back(purchase, amount))
    return adjusted(world, debit_of(purchase.cashback.id, amount * 150 // WHOLE))


async def giving(world: World, purchase: PurchaseAnswer) -> None:
    """Give a cashback back whose number is retired."""
    [(number,)] = await world.rows("select mint_number from ledger.cashback_ledger where id = %s", purchase.cashback.id)
    assert await world.retirements.give_back(number, by="alice", because="the wallet is lost")


async def told(world: World, purchase: PurchaseAnswer) -> dict[str, Any]:
    """Return how the cashback stands, and what its user has on each account."""
    kinds = ("pending", "approved", "in_flight", "stuck", "minted", "debt")
    [(user,)] = await world.rows("select user_id from ledger.cashback_ledger where id = %s", purchase.cashback.id)
    return await standing_of(world, purchase.cashback.id) | {kind: await balance(world, user, kind) for kind in kinds}


async def minted_again(world: World, *purchases: PurchaseAnswer) -> list[int]:
    """Have the worker request what it has missed, mint it, and return the tokens of each under its second number."""
    before = {request.mint_number for request in await requests(world)}
    world.clock.advance(world.policy.missed_after * 2)
    await world.sweeper.round()
    await world.assert_books_prove()
    asked = {each.cashback_id: each for each in await requests(world) if each.mint_number not in before}
    await world.settle(*[await minted_outcome(world, id_) for id_ in asked])
    await world.assert_books_prove()
    return [int(asked[one.cashback.id].token_units) if one.cashback.id in asked else 0 for one in purchases]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("amount, left", [(WHOLE, 0), (4_000, 900_000)])
async def test_who_gives_back_behind_a_return_sees_what_it_has_raised(
    world: World, policy: str, how: str, amount: int, left: int
) -> None:
    """What the programme gave up meanwhile is owed again: nothing is minted for what was returned."""
    programme = await world.programme()
    await world.rows("update ledger.programmes set refund_policy = %s where id = %s", policy, programme.id)
    alone, together = await on_its_way(world, returned=0), await on_its_way(world, returned=0)
    await taking(world, alone, amount, how)
    await giving(world, alone)
    await in_turn(world, together.cashback.id, taking(world, together, amount, how), giving(world, together))
    assert await told(world, together) == await told(world, alone)
    await world.assert_books_prove()
    assert await minted_again(world, alone, together) == [left, left]
    assert await told(world, together) == await told(world, alone)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("before, amount, left", [(4_000, 2_000, 600_000), (0, 4_000, 900_000), (4_000, 6_000, 0)])
async def test_who_takes_back_behind_a_giving_back_sees_that_the_mint_was_requested(
    world: World, policy: str, how: str, before: int, amount: int, left: int
) -> None:
    """Its tokens stay as they were promised, and the user owes the difference: no money is left for nobody."""
    programme = await world.programme()
    await world.rows("update ledger.programmes set refund_policy = %s where id = %s", policy, programme.id)
    alone, together = await on_its_way(world, returned=before), await on_its_way(world, returned=before)
    await giving(world, alone)
    await taking(world, alone, amount, how)
    await in_turn(world, together.cashback.id, giving(world, together), taking(world, together, amount, how))
    assert await told(world, together) == await told(world, alone)
    await world.assert_books_prove()
    assert await minted_again(world, alone, together) == [left, left]
    assert await told(world, together) == await told(world, alone)
