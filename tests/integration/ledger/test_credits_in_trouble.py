"""A credit by hand where things go wrong: rejected, stuck, netted, taken back by the chain, no budget, no room."""

from datetime import timedelta

import pytest

from cashback.ledger import Life, MintLimit, NewReview, Verdict, close_campaign, say
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import Programme
from cashback.purchases import Adjustments
from cashback.purchases.model import Recorded, Refused, User
from tests.contract.rest.adapter import ScriptedAdapter
from tests.integration.ledger.adjusting import adjusted, credit_of, debit_of, refusal, standing_of
from tests.integration.ledger.lives import postings, steps
from tests.integration.ledger.outcomes import minted_after, reverted_outcome
from tests.integration.ledger.programme_rules import campaign
from tests.integration.ledger.refunding import balance
from tests.integration.ledger.test_budgets import campaigns_of, left_of
from tests.integration.ledger.test_mint_limit import allows
from tests.integration.ledger.world import START, World, failed_outcome, minted_outcome, requests

DAY = timedelta(days=1)


async def beginning(world: World) -> tuple[Programme, User]:
    """Give a programme and a user."""
    return await world.programme(), await world.user()


@pytest.mark.invariant("I1", "I8")
async def test_a_rejected_credit_is_voided_and_goes_back_to_the_programme(world: World) -> None:
    """Whoever paid has all of it again, and the world hears why."""
    programme, user = await beginning(world)
    await world.rows("update ledger.programmes set review_above_minor = 499")
    credit = await adjusted(world, credit_of(user, programme.id))
    review = NewReview(
        cashback_id=credit.cashback_id, verdict=Verdict.REJECT, person="grace", reason="no", key_id="key_of_a_test"
    )
    async with world.api.transaction() as tx:
        await say(tx, review, now=world.clock.now())
    await Life(world.worker, clock=world.clock).round()
    assert await steps(world, credit.cashback_id) == ["review", "voided"]
    assert await balance(world, programme.id, "funding") == 0
    [voided] = await world.events("ledger", "cashback.voided")
    assert b'"purchase_id":null' in voided.data
    assert (await refusal(world, debit_of(credit.cashback_id, 1)))[0] == "debit_above_rest"
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I2", "I8")
async def test_a_stuck_credit_whose_number_was_retired_is_given_back_and_minted(world: World) -> None:
    """Under another number; what was taken of it while it was stuck is owed, for its tokens stay as they were."""
    programme, user = await beginning(world)
    credit = await adjusted(world, credit_of(user, programme.id))
    await world.request()
    outcome = await failed_outcome(world, reason="number_retired")
    await world.settle(outcome)
    taken = await adjusted(world, debit_of(credit.cashback_id, 200))
    assert (taken.cashback_state, taken.token_units) == ("stuck", "2000000")
    assert await world.retirements.give_back(int(outcome.mint_number), by="alice", because="the wallet is lost")
    world.clock.advance(world.policy.missed_after * 2)
    await world.sweeper.round()
    assert [request.token_units for request in await requests(world)] == ["5000000", "3000000"]
    await world.settle(await minted_outcome(world, credit.cashback_id))
    found = await standing_of(world, credit.cashback_id)
    assert (found["state"], found["net_minor"], found["netted_units"]) == ("minted", 300, 2_000_000)
    assert await balance(world, user.id, "minted") == 3_000_000
    assert await balance(world, user.id, "debt") == 0
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_credit_that_is_kept_whole_against_a_debt_is_netted(world: World) -> None:
    """Nothing of it is requested; what is taken of it afterwards is owed again."""
    programme, user = await beginning(world)
    first = await adjusted(world, credit_of(user, programme.id))
    await world.request()
    await world.settle(await minted_outcome(world))
    await adjusted(world, debit_of(first.cashback_id, 500))
    second = await adjusted(world, credit_of(user, programme.id, 300))
    await world.request(second.cashback_id)
    assert (await standing_of(world, second.cashback_id))["state"] == "netted"
    assert len(await requests(world)) == 1
    taken = await adjusted(world, debit_of(second.cashback_id, 300))
    assert (taken.cashback_state, taken.net_minor, taken.token_units) == ("netted", "0", "3000000")
    assert await balance(world, user.id, "debt") == -5_000_000
    await world.assert_books_prove()


@pytest.mark.invariant("I2", "I8")
async def test_a_credit_whose_block_was_taken_back_is_minted_again(world: World) -> None:
    """In another block, under the same number, after a part of it was taken back in between."""
    programme, user = await beginning(world)
    credit = await adjusted(world, credit_of(user, programme.id))
    await world.request()
    await world.settle(await minted_after(world, reversals=0))
    await world.settle(await reverted_outcome(world))
    await adjusted(world, debit_of(credit.cashback_id, 100))
    await world.settle(await minted_after(world, reversals=1))
    assert await steps(world, credit.cashback_id) == [
        "approved",
        "mint_requested",
        "minted",
        "mint_requested",
        "minted",
    ]
    assert (await standing_of(world, credit.cashback_id))["net_minor"] == 400
    await world.assert_books_prove()


@pytest.mark.invariant("I1")
async def test_a_campaign_that_is_closed_over_not_begun_or_another_programmes_pays_nothing(world: World) -> None:
    """Each is refused at its place, and its budget stays as it was."""
    programme, user = await beginning(world)
    other = await world.programme(currency="EUR")
    closed = await campaign(world, programme, budget=1_000)
    over = await campaign(world, programme, budget=1_000, ends_at=START)
    early = await campaign(world, programme, budget=1_000)
    await world.rows("update ledger.campaigns set starts_at = %s where id = %s", START + DAY, early)
    async with world.api.transaction() as tx:
        await close_campaign(tx, closed, reason="over", now=world.clock.now())
    left = await world.rows("select owner, balance from ledger.accounts where kind = 'budget' order by id")
    for name in (closed, over, early):
        assert await refusal(world, credit_of(user, programme.id, campaign_id=name)) == (
            "campaign_closed",
            "/campaign_id",
        )
    foreign = await campaign(world, other, budget=1_000)
    assert (await refusal(world, credit_of(user, programme.id, campaign_id=foreign)))[0] == "campaign_unknown"
    await world.rows("update ledger.campaigns set starts_at = %s where id = %s", START, early)
    assert (await adjusted(world, credit_of(user, programme.id, campaign_id=early))).cashback_state == "approved"
    assert [row for row in left if row[0] != early] == [
        row
        for row in await world.rows("select owner, balance from ledger.accounts where kind = 'budget' order by id")
        if row[0] not in (early, foreign)
    ]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_budget_in_stripes_pays_out_of_all_of_them_and_has_all_of_it_again(world: World) -> None:
    """No stripe holds the credit alone; together they hold it to the last unit, and not one more."""
    [striped] = await campaigns_of(world, budgets=[100], stripes=4)
    programme, user = await world.readings.programme(), await world.user()
    assert await left_of(world, striped) == [25, 25, 25, 25]
    credit = await adjusted(world, credit_of(user, programme.id, 90, campaign_id=striped))
    assert sum(await left_of(world, striped)) == 10
    moved = await postings(world, credit.cashback_id)
    assert [(cause, amount) for cause, *_, amount in moved] == [("accrual", amount) for *_, amount in moved]
    assert sum(amount for *_, amount in moved) == 90
    assert (await refusal(world, credit_of(user, programme.id, 11, campaign_id=striped)))[0] == "budget_too_small"
    await adjusted(world, debit_of(credit.cashback_id, 90))
    assert sum(await left_of(world, striped)) == 100
    await world.assert_books_prove()


@pytest.mark.parametrize("amount,is_given", [(500, True), (501, False)])
async def test_no_more_is_given_than_the_minter_mints_at_once(world: World, amount: int, is_given: bool) -> None:
    """To the last unit: what could never be minted is refused with its place, and leaves nothing."""
    programme, user = await beginning(world)
    async with ScriptedAdapter.serving() as scripted, Adapter.open(scripted.address) as gateway:
        allows(scripted, 5_000_000)
        limit = MintLimit(world.readings, gateway, clock=world.clock)
        made = Adjustments(world.api, clock=world.clock, mint_limit=limit)
        outcome = await made.credit(credit_of(user, programme.id, amount))
    assert isinstance(outcome, Recorded) is is_given
    if isinstance(outcome, Refused):
        assert (outcome.error.code, outcome.error.fields["pointer"]) == ("adjustment_invalid", "/amount_minor")
    assert await world.one("select count(*) from ledger.adjustments") == int(is_given)
    await world.assert_books_prove()
