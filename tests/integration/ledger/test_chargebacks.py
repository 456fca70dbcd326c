"""Chargebacks take back what refunds would, after the mint and beside a refund of the same purchase (I1, I8)."""

import pytest

from cashback.purchases.model.refunds import RefundKind
from tests.integration.ledger.refunding import balance, give_back, refunded, standing
from tests.integration.ledger.world import World, buy, minted_outcome

pytestmark = pytest.mark.invariant("I1", "I8")


@pytest.mark.parametrize("kinds", [("refund", "chargeback"), ("chargeback", "refund"), ("chargeback", "chargeback")])
async def test_a_chargeback_after_the_mint_is_owed_as_a_refund_is(world: World, kinds: tuple[str, str]) -> None:
    """Of 1.50 a part by the one and the rest by the other: all of it is owed, and the cashback reversed."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [purchase] = await world.record(buy(user, merchant, 10_000))
    await world.request()
    await world.settle(await minted_outcome(world))
    for kind, amount in zip(kinds, (3_333, 6_667), strict=True):
        await refunded(world, give_back(purchase, amount, kind=RefundKind(kind)))
    found = await standing(world, purchase)
    assert (found["state"], found["net_minor"], found["debt_units"]) == ("reversed", 0, 1_500_000)
    assert await balance(world, user.id, "minted") == 1_500_000
    await world.assert_books_prove()
