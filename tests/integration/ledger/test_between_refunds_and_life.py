"""What refunds, holds, reviews, expiry and rulesets do to one cashback together (I1, I8)."""

from datetime import timedelta

import pytest

from cashback.events import decode
from cashback.events.ledger import CashbackApproved, CashbackVoided
from cashback.events.purchases import PurchaseRefunded
from cashback.ledger.model import Programme
from cashback.ledger.model.rulesets import Limits, Rules
from cashback.purchases.model import Line, Merchant, PurchaseAnswer, User
from tests.integration.ledger.lives import life_of
from tests.integration.ledger.programme_rules import budget_left, campaign, publish, rule
from tests.integration.ledger.refunding import ahead_of, debts_of, give_back, give_back_lines, refunded, standing
from tests.integration.ledger.world import START, World, buy, minted_outcome, requests

FUNDED = 100_000


async def two_campaigns(world: World, columns: str) -> tuple[Programme, list[str]]:
    """Give a programme with these columns set, and its two campaigns, the second of several stripes, which both pay."""
    programme = await world.programme()
    await world.rows(f"update ledger.programmes set {columns} where id = %s", programme.id)
    paying = [
        await campaign(world, programme, budget=FUNDED),
        await campaign(world, programme, budget=FUNDED, stripes=4),
    ]
    await publish(world, programme, Rules(rules=(rule("ten", paying[0], 1_000), rule("three", paying[1], 333))))
    return programme, paying


async def bought_in_lines(world: World, *, wallet: str | None = None) -> PurchaseAnswer:
    """Give a purchase of two lines, bought now."""
    user, merchant = await world.user(wallet=wallet), await world.merchant()
    lines = (Line(amount_minor=7_001), Line(amount_minor=2_999))
    [bought] = await world.record(buy(user, merchant, 10_000, lines=lines, occurred_at=world.clock.now()))
    return bought


ENDS = {
    "released and expired": ("hold_days = 3, expire_after_days = 3", ""),
    "rejected": ("review_above_minor = 0", "reject"),
    "approved, held and expired": ("hold_days = 3, review_above_minor = 0, expire_after_days = 3", "approve"),
}


@pytest.mark.invariant("I1", "I8")
@pytest.mark.parametrize("end", ENDS)
async def test_each_campaign_has_its_own_back_however_a_refunded_cashback_ends(world: World, end: str) -> None:
    """By line, by amount and by the end, all of it in the campaign that paid it."""
    columns, verdict = ENDS[end]
    _, paying = await two_campaigns(world, columns)
    bought = await bought_in_lines(world)
    assert [FUNDED - await budget_left(world, one) for one in paying] == [1_000, 333]
    await refunded(world, give_back_lines(bought, (1, 1_234)), give_back(bought, 777))
    await world.assert_books_prove()
    if verdict:
        await world.rows(
            "insert into ledger.reviews (cashback_id, verdict, person, reason, key_id, at)"
            " values (%s, %s, 'alice', 'because', 'key_1', now())",
            bought.cashback.id,
            verdict,
        )
    life = life_of(world)
    for _ in range(3):
        await life.round()
        await world.assert_books_prove()
        world.clock.advance(timedelta(days=3))
    after = await standing(world, bought)
    assert (after["state"], after["payable_minor"]) == ("voided" if verdict == "reject" else "expired", 0)
    assert [await budget_left(world, one) for one in paying] == [FUNDED, FUNDED]
    await refunded(world, give_back(bought, 500))
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_purchase_in_another_currency_is_returned_in_its_own_and_shrinks_what_was_granted(world: World) -> None:
    """Half of 20.00 EUR leaves half of the dollars, and the answer names both currencies."""
    programme = await world.programme()
    await publish(world, programme, Rules(rules=(rule("ten", await campaign(world, programme, budget=FUNDED)),)))
    await world.rows(
        "insert into ledger.programme_currencies (programme_id, currency, starts_at) values (%s, 'EUR', '1900-01-01Z')",
        programme.id,
    )
    await world.rows(
        "insert into ledger.exchange_rates"
        " (base, quote, as_of, numerator, denominator, source, is_confirmed, recorded_at)"
        " values ('EUR', 'USD', %s, 11, 10, 'ecb', false, %s)",
        START - timedelta(hours=1),
        START,
    )
    user, merchant = await world.user(), await world.merchant()
    [bought] = await world.record(buy(user, merchant, 2_000, currency="EUR"))
    assert (bought.cashback.amount_minor, bought.cashback.currency) == ("220", "USD")
    [answer] = await refunded(world, give_back(bought, 1_000))
    assert answer.cashback is not None
    assert (answer.amount_minor, answer.currency) == ("1000", "EUR")
    assert (answer.cashback.net_minor, answer.cashback.currency) == ("110", "USD")
    [event] = await world.events("purchases", PurchaseRefunded.TYPE)
    told = decode(event.data, PurchaseRefunded, version=1)
    assert (told.amount_minor, told.currency, told.net_minor, told.cashback_currency) == ("1000", "EUR", "110", "USD")
    await world.assert_books_prove()


@pytest.mark.invariant("I1")
async def test_what_one_programme_gives_up_at_once_is_never_open_beside_what_another_asks_back(world: World) -> None:
    """The older debt stays the open one, of its own programme and with its own age."""
    user, merchant = await world.user(), await world.merchant()
    first = await world.programme()
    older = await minted(world, user, merchant)
    await world.rows("update ledger.programmes set ended_at = created_at")
    second = await world.programme()
    younger = await minted(world, user, merchant)
    await refunded(world, give_back(older))
    world.clock.advance(timedelta(days=1))
    await world.rows("update ledger.programmes set refund_policy = 'write_off' where id = %s", second.id)
    await refunded(world, give_back(younger))
    story = await debts_of(world).of_user(user.id)
    assert [(part.programme_id, part.token_units, part.since) for part in story.open] == [(first.id, "1500000", START)]
    figures = {each.id: each for each in (await debts_of(world).of_programmes(after=None, limit=10))[0]}
    assert [(each.open, each.written_off, each.collected) for each in (figures[first.id], figures[second.id])] == [
        ("1500000", "0", "0"),
        ("0", "1500000", "0"),
    ]
    await world.assert_books_prove()


async def minted(world: World, user: User, merchant: Merchant) -> PurchaseAnswer:
    """Give a purchase whose 1.50 USD of cashback are minted."""
    [bought] = await world.record(buy(user, merchant, 10_000))
    await world.request(bought.cashback.id)
    await world.settle(await minted_outcome(world, bought.cashback.id))
    return bought


async def test_what_a_refund_that_came_first_leaves_is_what_the_approval_tells(world: World) -> None:
    """The event names what will be minted, not what was granted."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await refunded(world, ahead_of(merchant, "A-1", 4_000))
    await world.record(buy(user, merchant, 10_000, reference="A-1"))
    [event] = await world.events("ledger", CashbackApproved.TYPE)
    told = decode(event.data, CashbackApproved, version=1)
    assert (told.amount_minor, told.token_units) == ("90", "900000")
    await world.request()
    [asked] = await requests(world)
    assert asked.token_units == told.token_units


@pytest.mark.parametrize("terms", ["hold_days = 0", "hold_days = 3", "review_above_minor = 0"])
async def test_returning_all_of_what_waits_is_told_as_voided(world: World, terms: str) -> None:
    """Once, with what it was worth until then, wherever it stood."""
    _, _ = await two_campaigns(world, terms)
    bought = await bought_in_lines(world)
    await refunded(world, give_back(bought, 5_000), give_back(bought, 2_000))
    [before, _] = await refunded(world, give_back(bought, 1_000), give_back(bought, 2_000))
    assert before.cashback is not None
    [event] = await world.events("ledger", CashbackVoided.TYPE)
    told = decode(event.data, CashbackVoided, version=1)
    assert (told.cashback_id, told.amount_minor, told.reason) == (
        bought.cashback.id,
        before.cashback.net_minor,
        "refunded",
    )


async def test_returning_all_ahead_of_the_purchase_is_told_as_voided_and_never_as_approved(world: World) -> None:
    """In the transaction that records the purchase."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await refunded(world, ahead_of(merchant, "A-1", 4_000), ahead_of(merchant, "A-1", 6_000))
    await world.record(buy(user, merchant, 10_000, reference="A-1"))
    [event] = await world.events("ledger", CashbackVoided.TYPE)
    assert decode(event.data, CashbackVoided, version=1).amount_minor == "90"
    assert await world.events("ledger", CashbackApproved.TYPE) == []


async def test_what_is_returned_is_in_the_budget_again_and_stays_counted_against_the_limits(world: World) -> None:
    """Nobody earns twice what a user may earn by buying, returning and buying again; others have the budget."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=1_000)
    await publish(world, programme, Rules(rules=(rule("a", pays),), limits=Limits(user_lifetime="1000")))
    user, merchant = await world.user(), await world.merchant()
    [bought] = await world.record(buy(user, merchant, 10_000))
    await refunded(world, give_back(bought))
    assert await budget_left(world, pays) == 1_000
    [again] = await world.record(buy(user, merchant, 10_000))
    [elsewhere] = await world.record(buy(await world.user(), merchant, 10_000))
    assert [(one.cashback.amount_minor, one.cashback.reason) for one in (again, elsewhere)] == [
        ("0", "user_lifetime_limit"),
        ("1000", "granted"),
    ]
    await world.assert_books_prove()
