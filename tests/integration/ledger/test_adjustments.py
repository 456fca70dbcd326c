"""Cashback by hand: given for no purchase, taken back before and after the mint; I1, I3, I7 and I8 hold."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from cashback.ledger import Life, NewReview, Verdict, say
from cashback.ledger.model.life import SecondPersonRequired
from cashback.purchases.model import Recorded
from tests.integration.ledger.adjusting import adjusted, adjustments_of, credit_of, debit_of, refusal, standing_of
from tests.integration.ledger.refunding import balance, give_back, refunded
from tests.integration.ledger.world import World, buy, minted_outcome, new_key, requests, wallet_number

UNKNOWN = "01k9z3v6q8e2r9xw5t4c7m1n0p"


async def campaign_of(world: World, programme_id: str) -> str:
    """Return the only campaign of a programme."""
    return str(await world.one("select id from ledger.campaigns where programme_id = %s", programme_id))


async def approve(world: World, cashback_id: str, person: str) -> None:
    """Have a person approve a cashback."""
    review = NewReview(
        cashback_id=cashback_id, verdict=Verdict.APPROVE, person=person, reason="seen", key_id="key_of_a_test"
    )
    async with world.api.transaction() as tx:
        await say(tx, review, now=world.clock.now())


@pytest.mark.invariant("I1", "I8")
async def test_a_credit_is_minted_like_any_other_cashback(world: World) -> None:
    """5.00 USD that no purchase earned: approved at once, requested, minted; the programme itself paid."""
    programme, user = await world.programme(), await world.user()
    answer = await adjusted(world, credit_of(user, programme.id))
    assert (answer.cashback_state, answer.net_minor, answer.token_units) == ("approved", "500", "5000000")
    assert await balance(world, programme.id, "funding") == -500
    await world.request()
    assert [(one.cashback_id, one.token_units) for one in await requests(world)] == [(answer.cashback_id, "5000000")]
    await world.settle(await minted_outcome(world))
    assert (await standing_of(world, answer.cashback_id))["state"] == "minted"
    assert await balance(world, user.id, "minted") == 5_000_000
    assert (await world.readings.programme()).budget_left == 1_000_000
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_campaign_pays_out_of_its_budget_and_never_more_than_that(world: World) -> None:
    """What it does not hold it does not give, and nothing of it is stored."""
    programme, user = await world.programme(budget=700), await world.user()
    campaign = await campaign_of(world, programme.id)
    await adjusted(world, credit_of(user, programme.id, campaign_id=campaign))
    assert (await world.readings.programme()).budget_left == 200
    assert await refusal(world, credit_of(user, programme.id, 201, campaign_id=campaign)) == (
        "budget_too_small",
        "/amount_minor",
    )
    assert await world.one("select count(*) from ledger.adjustments") == 1
    await adjusted(world, credit_of(user, programme.id, 200, campaign_id=campaign))
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
async def test_two_same_keys_at_once_give_once(world: World) -> None:
    """The second is answered with the first one's bytes."""
    programme, user = await world.programme(), await world.user()
    command = credit_of(user, programme.id)
    outcomes = await asyncio.gather(*[adjustments_of(world).credit(command) for _ in range(4)])
    done = [outcome for outcome in outcomes if isinstance(outcome, Recorded)]
    assert len(done) == 4
    assert len({outcome.answer for outcome in done}) == 1
    assert [outcome.is_replay for outcome in done].count(False) == 1
    assert await balance(world, user.id, "approved") == 500
    changed = msgspec.structs.replace(command, amount_minor=501)
    assert (await refusal(world, changed))[0] == "idempotency_key_reused"
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_debit_before_the_mint_gives_back_to_whoever_paid(world: World) -> None:
    """Of 5.00 three dollars go back; then the rest, which voids it, with its event."""
    programme, user = await world.programme(), await world.user()
    campaign = await campaign_of(world, programme.id)
    for payer in (None, campaign):
        credit = await adjusted(world, credit_of(user, programme.id, campaign_id=payer))
        part = await adjusted(world, debit_of(credit.cashback_id, 300))
        assert (part.cashback_state, part.net_minor, part.token_units) == ("approved", "200", "0")
        whole = await adjusted(world, debit_of(credit.cashback_id, 200))
        assert (whole.cashback_state, whole.net_minor) == ("voided", "0")
        assert await refusal(world, debit_of(credit.cashback_id, 1)) == ("debit_above_rest", "/amount_minor")
    assert await balance(world, programme.id, "funding") == 0
    assert (await world.readings.programme()).budget_left == 1_000_000
    told = [msgspec.json.decode(event.data) for event in await world.events("ledger", "cashback.voided")]
    assert [(one["purchase_id"], one["amount_minor"], one["reason"]) for one in told] == [(None, "200", "debited")] * 2
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I3", "I8")
async def test_a_debit_after_the_mint_is_owed_and_netted_against_the_next_credit(world: World) -> None:
    """Tokens are never seized: 2.00 of 5.00 are owed, and kept of the next 3.00."""
    programme, user = await world.programme(), await world.user()
    first = await adjusted(world, credit_of(user, programme.id))
    await world.request()
    await world.settle(await minted_outcome(world))
    answer = await adjusted(world, debit_of(first.cashback_id, 200))
    assert (answer.cashback_state, answer.net_minor, answer.token_units) == ("minted", "300", "2000000")
    assert await balance(world, user.id, "minted") == 5_000_000
    second = await adjusted(world, credit_of(user, programme.id, 300))
    await world.request(second.cashback_id)
    assert (await standing_of(world, second.cashback_id))["requested_units"] == 1_000_000
    assert await balance(world, user.id, "debt") == 0
    whole = await adjusted(world, debit_of(first.cashback_id, 300))
    assert (whole.cashback_state, whole.net_minor) == ("reversed", "0")
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_debit_is_owed_whatever_the_programme_does_with_refunds(world: World) -> None:
    """Under `write_off` a refund after the mint is given up at once, and what a person takes back is kept back."""
    programme, user = await world.programme(), await world.user()
    await world.rows("update ledger.programmes set refund_policy = 'write_off'")
    [purchase] = await world.record(buy(user, await world.merchant(), 10_000))
    await world.request()
    await world.settle(await minted_outcome(world))
    answer = await adjusted(world, debit_of(purchase.cashback.id, 40))
    assert (answer.net_minor, answer.token_units) == ("110", "400000")
    assert await balance(world, user.id, "debt") == -400_000
    await refunded(world, give_back(purchase, 3_333))
    assert await balance(world, user.id, "debt") == -400_000
    assert await world.rows("select token_units, reason from ledger.write_offs") == [(500_000, "policy")]
    second = await adjusted(world, credit_of(user, programme.id, 300))
    await world.request(second.cashback_id)
    assert (await standing_of(world, second.cashback_id))["requested_units"] == 2_600_000
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
@pytest.mark.parametrize("is_refund_first", [True, False])
async def test_a_debit_of_what_a_purchase_earned_and_its_refund_come_in_any_order(
    world: World, is_refund_first: bool
) -> None:
    """Of 1.50, a third of the purchase back leaves 1.00; 0.40 taken by hand leave 0.60, in either order."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [purchase] = await world.record(buy(user, merchant, 10_000))
    refund, debit = give_back(purchase, 3_333), debit_of(purchase.cashback.id, 40)
    if is_refund_first:
        await refunded(world, refund)
        await adjusted(world, debit)
    else:
        await adjusted(world, debit)
        await refunded(world, refund)
    found = await standing_of(world, purchase.cashback.id)
    assert (found["net_minor"], found["payable_minor"], found["debited_minor"]) == (60, 60, 40)
    assert (await world.readings.programme()).budget_left == 1_000_000 - 60
    await refunded(world, give_back(purchase, 6_667))
    assert (await standing_of(world, purchase.cashback.id))["state"] == "voided"
    assert (await world.readings.programme()).budget_left == 1_000_000
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I7", "I8")
async def test_debits_at_once_take_no_more_than_there_is(world: World) -> None:
    """Of 5.00, two of three debits of 2.00 are made, and the third is refused."""
    programme, user = await world.programme(), await world.user()
    credit = await adjusted(world, credit_of(user, programme.id))
    made = adjustments_of(world)
    outcomes = await asyncio.gather(*[made.debit(debit_of(credit.cashback_id, 200)) for _ in range(3)])
    assert sum(isinstance(outcome, Recorded) for outcome in outcomes) == 2
    assert (await standing_of(world, credit.cashback_id))["net_minor"] == 100
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_large_credit_waits_for_another_person(world: World) -> None:
    """Who gave it may not approve it, however they spell their name; another one does."""
    programme, user = await world.programme(), await world.user()
    await world.rows("update ledger.programmes set review_above_minor = 499")
    answer = await adjusted(world, credit_of(user, programme.id))
    assert answer.cashback_state == "review"
    await world.request()
    assert await requests(world) == []
    with pytest.raises(SecondPersonRequired):
        await approve(world, answer.cashback_id, " ADA")
    await approve(world, answer.cashback_id, "grace")
    await Life(world.worker, clock=world.clock).round()
    assert (await standing_of(world, answer.cashback_id))["state"] == "approved"
    await world.request()
    assert [one.token_units for one in await requests(world)] == ["5000000"]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_credit_waits_for_a_wallet_and_expires_without_one(world: World) -> None:
    """What is left after a debit goes back to whoever paid; one that got its wallet in time is requested."""
    programme, user = await world.programme(), await world.user(wallet=None)
    await world.rows("update ledger.programmes set expire_after_days = 30")
    late = await adjusted(world, credit_of(user, programme.id))
    await adjusted(world, debit_of(late.cashback_id, 100))
    world.clock.advance(timedelta(days=31))
    other = await world.user(wallet=None)
    prompt = await adjusted(world, credit_of(other, programme.id))
    await world.link(other, wallet_number(77))
    await world.sweeper.round()
    await Life(world.worker, clock=world.clock).round()
    assert (await standing_of(world, late.cashback_id))["state"] == "expired"
    assert (await standing_of(world, prompt.cashback_id))["state"] == "mint_requested"
    assert await balance(world, programme.id, "funding") == -500
    assert (await refusal(world, debit_of(late.cashback_id, 1)))[0] == "debit_above_rest"
    await world.assert_books_prove()


async def test_a_paused_programme_gives_nothing_by_hand(world: World) -> None:
    """Until it is resumed; a debit is made all the same."""
    programme, user = await world.programme(), await world.user()
    credit = await adjusted(world, credit_of(user, programme.id))
    await world.rows("update ledger.programmes set paused_at = now()")
    assert (await refusal(world, credit_of(user, programme.id)))[0] == "programme_paused"
    await adjusted(world, debit_of(credit.cashback_id, 100))
    await world.assert_books_prove()


async def test_bad_credits_are_refused_with_a_pointer_and_leave_nothing(world: World) -> None:
    """Unknown names, a blocked user, no reason or too long a one, and amounts that are none."""
    programme, user = await world.programme(), await world.user()
    good = credit_of(user, programme.id)
    blocked = await world.user()
    await world.rows("update purchases.users set is_blocked = true where id = %s", blocked.id)
    expected: dict[tuple[str, object], dict[str, str]] = {
        ("user_unknown", "/user_id"): {"user_id": f"usr_{UNKNOWN}"},
        ("user_blocked", "/user_id"): {"user_id": blocked.id},
        ("programme_unknown", "/programme_id"): {"programme_id": f"prg_{UNKNOWN}"},
        ("campaign_unknown", "/campaign_id"): {"campaign_id": f"cmp_{UNKNOWN}"},
        ("field_invalid", "/reason"): {"reason": "  "},
        ("field_invalid", "/person"): {"person": ""},
    }
    for told, changes in expected.items():
        assert await refusal(world, msgspec.structs.replace(good, key=new_key(), **changes)) == told
    assert await refusal(world, credit_of(user, programme.id, reason="x" * 501)) == ("field_invalid", "/reason")
    for amount in (0, -1, 2**63, 2**62):
        told = await refusal(world, credit_of(user, programme.id, amount))
        assert told == ("adjustment_invalid", "/amount_minor")
    assert await refusal(world, debit_of(f"cb_{UNKNOWN}", 1)) == ("cashback_unknown", "/cashback_id")
    assert await world.one("select count(*) from ledger.adjustments") == 0
    assert await world.one("select count(*) from ledger.cashback_ledger") == 0
    await world.assert_books_prove()


async def test_a_credit_is_told_without_purchase_and_decision(world: World) -> None:
    """Its reason and its sentence stand in for them, and there is nothing to replay."""
    programme, user = await world.programme(), await world.user()
    answer = await adjusted(world, credit_of(user, programme.id))
    cashback = await world.readings.cashback(answer.cashback_id)
    assert cashback.user_id == user.id
    assert (cashback.purchase_id, cashback.merchant_id, cashback.document) == (None, None, None)
    assert (cashback.adjustment_id, cashback.adjusted_because) == (answer.id, "the parcel came late")
    assert await world.readings.replayed(cashback) is None
    explanation = await world.readings.explanation(cashback.id)
    assert (explanation.text, explanation.steps) == ("Cashback that was given by hand.", [])
