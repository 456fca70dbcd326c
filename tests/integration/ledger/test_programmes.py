"""Programmes: started once, funded, and one at a time."""

import asyncio
from datetime import timedelta

import msgspec
import psycopg
import pytest

from cashback.kernel.ids import new_id
from cashback.kernel.money import INT63_MAX, Bps, Minor, TokenRate
from cashback.ledger import (
    CurrencyUnknown,
    NewCampaign,
    NewProgramme,
    Programme,
    ProgrammeExists,
    ProgrammeInvalid,
    ProgrammeUnknown,
    create_campaign,
    end_programme,
)
from tests.integration.ledger.world import START, World, buy

TERMS = NewProgramme(name="Spring", currency="USD", rate=Bps(250), token_rate=TokenRate(3, 2), budget=Minor(500_000))


async def test_a_programme_starts_with_its_whole_budget(world: World) -> None:
    """Its terms, its first ruleset and its funding are stored together."""
    programme = await world.start(TERMS)
    assert (programme.budget, programme.budget_left) == (500_000, 500_000)
    assert programme.ruleset is not None
    assert (programme.ruleset.version, programme.ruleset.rate, programme.ruleset.currency.exponent) == (1, 250, 2)
    assert (programme.conversion.rate, programme.conversion.as_of) == (TokenRate(3, 2), world.clock.now())
    assert await world.readings.programme() == programme
    assert await world.readings.programme(programme.id) == programme
    await world.assert_books_prove()


async def test_the_same_terms_again_change_nothing(world: World) -> None:
    """Starting is safe to repeat, also at the same time; the budget is funded once."""
    first, *others = await asyncio.gather(*[world.start(TERMS) for _ in range(5)])
    assert all(other == first for other in others)
    assert await world.one("select count(*) from ledger.transfers") == 1


async def test_a_campaign_called_base_that_came_later_is_no_term_of_its_programme(world: World) -> None:
    """A programme that started empty is the same one for whoever starts it again, whatever was made for it since."""
    empty = msgspec.structs.replace(TERMS, rate=None, budget=None)
    first = await world.start(empty)
    async with world.api.transaction() as tx:
        await create_campaign(tx, NewCampaign(programme_id=first.id, name="base", budget=5_000), now=START)
    again = await world.start(empty)
    assert (again.id, again.started_with, again.budget) == (first.id, None, 5_000)


async def test_a_second_programme_and_other_terms_are_refused(world: World) -> None:
    """One is in force, and a name stands for its terms."""
    await world.start(TERMS)
    with pytest.raises(ProgrammeExists):
        await world.programme()
    with pytest.raises(ProgrammeExists):
        await world.start(msgspec.structs.replace(TERMS, budget=Minor(1)))


async def test_unsound_terms_store_nothing(world: World) -> None:
    """Refused before anything is looked up."""
    with pytest.raises(CurrencyUnknown):
        await world.start(msgspec.structs.replace(TERMS, currency="ZZZ"))
    with pytest.raises(ProgrammeUnknown):
        await world.readings.programme()
    with pytest.raises(ProgrammeUnknown):
        await world.readings.programme(new_id("prg"))


async def test_programmes_one_after_the_other_stay_within_the_books(world: World) -> None:
    """Budgets that are over count on, in every currency: one that would be too much is refused and leaves nothing."""
    most = msgspec.structs.replace(TERMS, token_rate=TokenRate(1, 1), budget=Minor(INT63_MAX // 20_000))
    merchant, user = await world.merchant(), await world.user()
    for name, currency in (("one", "USD"), ("two", "EUR")):
        await world.start(msgspec.structs.replace(most, name=name, currency=currency, rate=Bps(9_999)))
        await world.record(*[buy(user, merchant, INT63_MAX // 40_000, currency=currency) for _ in range(3)])
        await world.rows("update ledger.programmes set ended_at = created_at where ended_at is null")
    with pytest.raises(ProgrammeInvalid) as refused:
        await world.start(msgspec.structs.replace(most, name="three", currency="JPY", budget=Minor(10)))
    assert refused.value.fields["pointer"] == "/budget_minor"
    assert await world.one("select count(*) from ledger.programmes") == 2
    await world.request()
    _, balances = await world.readings.balances_of_user(user.id)
    assert sum(balance.granted.token_units for balance in balances) > INT63_MAX - 10**6
    await world.assert_books_prove()


async def test_what_is_left_of_a_budget_is_what_was_not_granted(world: World) -> None:
    """2.5 % of 100.00 USD is granted once."""
    await world.start(TERMS)
    await world.record(buy(await world.user(), await world.merchant()))
    programme = await world.readings.programme()
    assert (programme.budget, programme.budget_left) == (500_000, 499_750)


@pytest.mark.invariant("I7")
async def test_a_purchase_is_decided_by_the_programme_that_took_its_currency_when_it_occurred(world: World) -> None:
    """Told late or in one batch with others: the first reaches back, who had ended still pays, between them is none."""
    first = await world.programme(rate=100)
    world.clock.advance(timedelta(days=2))
    await _end(world, first)
    world.clock.advance(timedelta(days=2))
    second = await world.programme(rate=500)
    world.clock.advance(timedelta(days=2))
    user, merchant = await world.user(), await world.merchant()
    days = [timedelta(days=each) for each in (-30, 0, 1, 2, 3, 4, 5)]
    just_before = timedelta(days=2) - timedelta(microseconds=1)
    answers = await world.record(*[buy(user, merchant, occurred_at=START + at) for at in (*days, just_before)])
    assert [(answer.cashback.amount_minor, answer.cashback.reason) for answer in answers] == [
        *[("100", "granted")] * 3,
        *[("0", "no_programme")] * 2,
        *[("500", "granted")] * 2,
        ("100", "granted"),
    ]
    left = [(await world.readings.programme(each.id)).budget_left for each in (first, second)]
    assert left == [1_000_000 - 400, 1_000_000 - 1_000]
    await world.assert_books_prove()


async def test_a_programme_that_ended_as_it_began_takes_nothing_not_even_of_the_past(world: World) -> None:
    """Started by mistake and ended at once, it leaves the place of the first to the next one."""
    mistaken = await world.programme(rate=9_000)
    await _end(world, mistaken)
    world.clock.advance(timedelta(days=1))
    await world.programme(rate=100)
    user, merchant = await world.user(), await world.merchant()
    [answer] = await world.record(buy(user, merchant, occurred_at=START - timedelta(days=9)))
    assert answer.cashback.amount_minor == "100"


async def test_the_database_keeps_who_takes_a_currency_unique(world: World) -> None:
    """Two windows of one currency that share an instant are refused, whoever writes them."""
    await world.programme()
    euros = await world.programme(currency="EUR")
    with pytest.raises(psycopg.errors.ExclusionViolation, match="accepted_by_one_programme"):
        await world.rows(
            "insert into ledger.programme_currencies (programme_id, currency, starts_at) values (%s, 'USD', %s)",
            euros.id,
            START - timedelta(days=1),
        )


async def _end(world: World, programme: Programme) -> None:
    """End a programme now."""
    async with world.api.transaction() as tx:
        await end_programme(tx, programme.id, reason="over", now=world.clock.now())
