"""Refunds and what they leave: before the mint is requested, while it is under way, and after it (I1, I8).

Named after what went wrong elsewhere: buy, earn, return, and keep what was earned.
"""

import asyncio

import msgspec
import pytest

from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger import NewProgramme
from cashback.ledger.model import RefundPolicy
from cashback.purchases.model import Line, Merchant, PurchaseAnswer, User
from tests.integration.ledger.outcomes import minted_after, reverted_outcome
from tests.integration.ledger.refunding import balance, give_back, give_back_lines, refunded, standing
from tests.integration.ledger.world import Dsns, World, buy, failed_outcome, minted_outcome, open_world, requests


class Shopper(msgspec.Struct, frozen=True):
    """A user and a merchant where they buy."""

    world: World
    user: User
    merchant: Merchant

    async def buys(self, *amounts: int) -> list[PurchaseAnswer]:
        """Give purchases of these amounts."""
        return await self.world.record(*[buy(self.user, self.merchant, amount) for amount in amounts])

    async def has_minted(self, amount: int = 10_000) -> PurchaseAnswer:
        """Give a purchase whose cashback is minted."""
        [purchase] = await self.buys(amount)
        await self.world.request(purchase.cashback.id)
        await self.world.settle(await minted_outcome(self.world, purchase.cashback.id))
        return purchase


@pytest.fixture
async def shopper(world: World) -> Shopper:
    """Give a user who earns 1.5 %."""
    await world.programme()
    return Shopper(world, await world.user(), await world.merchant())


@pytest.mark.invariant("I1", "I8")
async def test_returning_all_before_the_mint_voids_the_cashback(world: World, shopper: Shopper) -> None:
    """Its money is back in the budget, and no mint is requested."""
    [purchase] = await shopper.buys(10_000)
    [answer] = await refunded(world, give_back(purchase))
    assert answer.cashback is not None
    assert (answer.cashback.state, answer.cashback.net_minor, answer.cashback.debt_units) == ("voided", "0", "0")
    await world.request()
    assert await requests(world) == []
    assert (await world.readings.programme()).budget_left == 1_000_000
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_returning_a_part_before_the_mint_shrinks_what_is_minted(world: World, shopper: Shopper) -> None:
    """A third of 100.00 back: of 1.50 one dollar is left and requested, the rest is in the budget."""
    [purchase] = await shopper.buys(10_000)
    await refunded(world, give_back(purchase, 3_333))
    await world.request()
    assert [one.token_units for one in await requests(world)] == ["1000000"]
    assert (await world.readings.programme()).budget_left == 1_000_000 - 100
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_lines_are_returned_by_their_own_share(world: World, shopper: Shopper) -> None:
    """The whole second line first, then an amount that is spread over what is left; in whatever order."""
    lines = (Line(amount_minor=6_000), Line(amount_minor=999))
    one, other = await world.record(*[buy(shopper.user, shopper.merchant, 6_999, lines=lines) for _ in range(2)])
    await refunded(world, give_back_lines(one, (2, 999)), give_back(one, 3_000))
    await refunded(world, give_back(other, 3_000), give_back_lines(other, (2, 999)))
    found = [await standing(world, each) for each in (one, other)]
    assert [each["net_minor"] for each in found] == [45, 45]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_dust_is_voided_and_its_money_goes_back_whole(world: World) -> None:
    """What is left is less than a token unit: nothing can be minted of it."""
    await world.start(
        NewProgramme(
            name="weak", currency="USD", rate=Bps(150), token_rate=TokenRate(1, 1_000_000), budget=Minor(1_000_000)
        )
    )
    user, merchant = await world.user(), await world.merchant()
    [purchase] = await world.record(buy(user, merchant, 10_000))
    await refunded(world, give_back(purchase, 5_000))
    found = await standing(world, purchase)
    assert (found["state"], found["net_minor"], found["payable_minor"]) == ("voided", 75, 0)
    assert (await world.readings.programme()).budget_left == 1_000_000
    await refunded(world, give_back(purchase, 5_000))
    assert (await standing(world, purchase))["net_minor"] == 0
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_buy_earn_return_and_keep_the_points_is_not_possible(world: World, shopper: Shopper) -> None:
    """odoo/odoo#257854, frappe/erpnext#32951, malsubrata/woo-wallet#53: the user owes what was minted."""
    purchase = await shopper.has_minted()
    [answer] = await refunded(world, give_back(purchase))
    assert answer.cashback is not None
    assert (answer.cashback.state, answer.cashback.debt_units) == ("reversed", "1500000")
    assert await balance(world, shopper.user.id, "debt") == -1_500_000
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_partial_return_after_the_mint_owes_the_difference_in_tokens(world: World, shopper: Shopper) -> None:
    """Each its own part; together, whatever the steps, what was minted less what is left."""
    purchase = await shopper.has_minted()
    answers = await refunded(world, give_back(purchase, 3_333), give_back(purchase, 3_333))
    debts = [answer.cashback.debt_units for answer in answers if answer.cashback]
    assert debts == ["500000", "500000"]
    found = await standing(world, purchase)
    assert (found["state"], found["net_minor"], found["debt_units"]) == ("minted", 50, 1_000_000)
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_what_a_user_owes_is_kept_from_what_they_earn_next(world: World, shopper: Shopper) -> None:
    """1.50 owed; 0.60 is kept whole and draws no number, of 3.00 the missing 0.90 is kept."""
    await refunded(world, give_back(await shopper.has_minted()))
    first, second = await shopper.buys(4_000, 20_000)
    await world.request(first.cashback.id, second.cashback.id)
    assert (await standing(world, first))["state"] == "netted"
    assert (await standing(world, second))["netted_units"] == 900_000
    assert [(one.token_units, one.mint_number) for one in await requests(world)] == [("1500000", "1"), ("2100000", "2")]
    assert await balance(world, shopper.user.id, "debt") == 0
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_what_was_netted_and_is_returned_is_owed_again(world: World, shopper: Shopper) -> None:
    """It had paid a debt; its purchase is returned, so that debt is not paid."""
    await refunded(world, give_back(await shopper.has_minted()))
    [next_one] = await shopper.buys(4_000)
    await world.request(next_one.cashback.id)
    await refunded(world, give_back(next_one))
    found = await standing(world, next_one)
    assert (found["state"], found["debt_units"]) == ("netted", 600_000)
    assert await balance(world, shopper.user.id, "debt") == -1_500_000
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_returning_in_flight_reverses_when_the_mint_is_final(world: World, shopper: Shopper) -> None:
    """The request stands, debt is raised at once, and the state follows the chain, back and forth."""
    [purchase] = await shopper.buys(10_000)
    await world.request()
    await refunded(world, give_back(purchase))
    assert (await standing(world, purchase))["state"] == "mint_requested"
    assert await balance(world, shopper.user.id, "debt") == -1_500_000
    states = []
    for outcome in (await minted_outcome(world), await reverted_outcome(world), await minted_after(world, reversals=1)):
        await world.settle(outcome)
        states.append((await standing(world, purchase))["state"])
        await world.assert_books_prove()
    assert states == ["reversed", "mint_requested", "reversed"]


@pytest.mark.invariant("I1", "I8")
async def test_returning_what_is_stuck_leaves_it_stuck(world: World, shopper: Shopper) -> None:
    """It may be minted yet; then it is reversed."""
    [purchase] = await shopper.buys(10_000)
    await world.request()
    await world.settle(await failed_outcome(world))
    await refunded(world, give_back(purchase))
    found = await standing(world, purchase)
    assert (found["state"], found["debt_units"]) == ("stuck", 1_500_000)
    await world.settle(await minted_outcome(world))
    assert (await standing(world, purchase))["state"] == "reversed"
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_what_is_given_back_after_its_own_refund_pays_for_it(world: World, shopper: Shopper) -> None:
    """Its number was retired: at the next request its own debt is kept, and no token of it is minted."""
    [purchase] = await shopper.buys(10_000)
    await retire(world, purchase)
    await refunded(world, give_back(purchase, 4_000))
    await give_back_number(world, purchase)
    await refunded(world, give_back(purchase, 6_000))
    found = await standing(world, purchase)
    assert (found["state"], found["payable_units"], found["debt_units"]) == ("approved", 1_500_000, 1_500_000)
    await world.request(purchase.cashback.id)
    assert (await standing(world, purchase))["state"] == "netted"
    assert await balance(world, shopper.user.id, "debt") == 0
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_what_is_given_back_after_its_debt_was_paid_elsewhere_is_minted_whole(
    world: World, shopper: Shopper
) -> None:
    """Another cashback has paid for its refund; so what was requested is requested again."""
    [purchase] = await shopper.buys(10_000)
    await retire(world, purchase)
    await refunded(world, give_back(purchase, 4_000))
    [other] = await shopper.buys(10_000)
    await world.request(other.cashback.id)
    assert (await standing(world, other))["netted_units"] == 600_000
    await give_back_number(world, purchase)
    await world.request(purchase.cashback.id)
    found = await standing(world, purchase)
    assert (found["state"], found["requested_units"], found["netted_units"]) == ("mint_requested", 1_500_000, 0)
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_programme_may_give_up_what_is_owed_at_once(world: World, shopper: Shopper) -> None:
    """Its policy: the debt is in the books, and written off in the same transaction."""
    await world.rows("update ledger.programmes set refund_policy = %s", RefundPolicy.WRITE_OFF.value)
    await refunded(world, give_back(await shopper.has_minted()))
    assert await balance(world, shopper.user.id, "debt") == 0
    assert await world.rows("select token_units, person, reason from ledger.write_offs") == [
        (1_500_000, "ledger", "policy")
    ]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_two_workers_never_keep_the_same_debt_twice(dsns: Dsns, world: World, shopper: Shopper) -> None:
    """Ten cashbacks of a debtor, requested one by one by two processes at once: together they pay what is owed."""
    await refunded(world, give_back(await shopper.has_minted(50_000)))
    purchases = await shopper.buys(*[10_000] * 10)
    async with open_world(dsns) as other:
        await asyncio.gather(
            *[
                each.request(purchase.cashback.id)
                for place, purchase in enumerate(purchases)
                for each in ((world, other) if place % 2 else (other, world))
            ]
        )
    kept = [(await standing(world, purchase))["netted_units"] for purchase in purchases]
    assert sum(kept) == 7_500_000
    assert sorted(kept) == [0] * 5 + [1_500_000] * 5
    assert await balance(world, shopper.user.id, "debt") == 0
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_refunds_and_requests_at_once_lose_nothing(dsns: Dsns, world: World, shopper: Shopper) -> None:
    """Whichever comes first, the cashback shrinks or its user owes: in the end nothing of what was returned is left."""
    purchases = await shopper.buys(*[10_000] * 8)
    async with open_world(dsns) as other:
        await asyncio.gather(
            *[other.request(purchase.cashback.id) for purchase in purchases],
            *[refunded(world, give_back(purchase)) for purchase in purchases],
        )
    found = [await standing(world, purchase) for purchase in purchases]
    assert [each["net_minor"] for each in found] == [0] * 8
    owed = sum(each["debt_units"] - each["netted_units"] for each in found)
    assert -await balance(world, shopper.user.id, "debt") == owed
    await world.assert_books_prove()


async def retire(world: World, purchase: PurchaseAnswer) -> None:
    """Request the mint of a purchase's cashback, and have its number retired."""
    await world.request(purchase.cashback.id)
    await world.settle(await failed_outcome(world, purchase.cashback.id, reason="number_retired"))


async def give_back_number(world: World, purchase: PurchaseAnswer) -> None:
    """Have a person give the stuck cashback of a purchase back."""
    number = await world.one("select mint_number from ledger.cashback_ledger where purchase_id = %s", purchase.id)
    assert await world.retirements.give_back(number, by="alice", because="retired")
