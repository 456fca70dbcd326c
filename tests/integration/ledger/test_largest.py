"""The largest purchase by the largest ruleset that a lint lets through: recorded, proved and taken back whole."""

import re

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Bps, Minor, TokenRate
from cashback.ledger import NewProgramme
from cashback.ledger.model.rulesets import CAMPAIGNS_MAX
from cashback.ledger.rules import decode_grants
from cashback.purchases.model import Line
from tests.integration.ledger.programme_rules import budget_left, campaign, publish
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.world import World, buy
from tests.support.largest import DOCUMENT_STORED_MAX, GRANTS_STORED_MAX, LINE_MINOR, LINES, WIDEST, largest_rules

BUDGET = INT63_MAX // CAMPAIGNS_MAX
OLD = {"exponent": "2", "lines": [{"base": "10000", "grants": [["CAMPAIGN", "150"]]}], "rate": ["1", "1"]}
"""What was stored of a grant of 1.00 of 100.00 before campaigns were named once."""


@pytest.mark.invariant("I1", "I8")
async def test_the_largest_purchase_is_recorded_and_all_of_it_given_back(world: World) -> None:
    """100 lines of the longest names, which 50 campaigns pay for: stored, replayed, and back in every budget."""
    programme = await world.start(
        NewProgramme(name="P", currency="USD", rate=Bps(1), token_rate=TokenRate(1, 10_000), budget=Minor(1))
    )
    campaigns = sorted([await campaign(world, programme, budget=BUDGET) for _ in range(CAMPAIGNS_MAX)])
    await publish(world, programme, largest_rules(campaigns))
    line = Line(amount_minor=LINE_MINOR, sku=WIDEST, category=WIDEST, quantity=10**9)
    purchase = buy(await world.user(), await world.merchant(), LINE_MINOR * LINES, lines=(line,) * LINES)
    [answer] = await world.record(purchase)
    assert answer.cashback.reason == "granted"
    grants = decode_grants(await world.one("select grants from ledger.cashback_ledger"))
    assert [len(each.grants) for each in grants.lines] == [CAMPAIGNS_MAX] * LINES
    assert sum(each.granted for each in grants.lines) == int(answer.cashback.amount_minor)
    cashback = await world.readings.cashback(answer.cashback.id)
    assert await world.readings.replayed(cashback) == cashback.document
    await refunded(world, give_back(answer))
    assert {await budget_left(world, each) for each in campaigns} == {BUDGET}
    await world.assert_books_prove()


async def test_what_the_tests_say_is_stored_is_what_the_schema_says(world: World) -> None:
    """The two bounds that the largest documents are held to."""
    bounds = "select pg_get_constraintdef(oid) from pg_constraint where conname = %s"
    told = [await world.one(bounds, name) for name in ("decision_bounded", "cashback_grants_bounded")]
    assert [int(re.findall(r"\d+", each)[0]) for each in told] == [DOCUMENT_STORED_MAX, GRANTS_STORED_MAX]


@pytest.mark.invariant("I1", "I8")
async def test_what_was_stored_by_the_names_of_its_campaigns_is_read_as_before(world: World) -> None:
    """A refund takes back what it granted, its campaign has that again, and everything adds up."""
    await world.programme(rate=150, budget=1_000)
    [answer] = await world.record(buy(await world.user(), await world.merchant(), 10_000))
    [(paid,)] = await world.rows("select id from ledger.campaigns")
    old = msgspec.json.encode(OLD).replace(b"CAMPAIGN", paid.encode())
    await stored_as(world, old)
    await world.assert_books_prove()
    await refunded(world, give_back(answer, 5_000))
    assert await budget_left(world, paid) == 1_000 - 75
    await world.assert_books_prove()


@pytest.mark.parametrize("form", ['{"lines":[["10000",["149"]]]}', '{"lines":[{"grants":[["cmp_1","149"]]}]}'])
async def test_a_document_that_does_not_come_to_what_was_granted_is_told(world: World, form: str) -> None:
    """In either form."""
    await world.programme(rate=150)
    await world.record(buy(await world.user(), await world.merchant(), 10_000))
    await stored_as(world, form.encode())
    [found] = await world.readings.differences(limit=10)
    assert (found.kind, found.expected, found.found) == ("grants_contradict", 150, 149)


async def stored_as(world: World, document: bytes) -> None:
    """Have every cashback's grants be this document."""
    change = "alter table ledger.cashback_ledger {} trigger cashback_frozen"
    await world.rows(change.format("disable"))
    await world.rows("update ledger.cashback_ledger set grants = %s", document)
    await world.rows(change.format("enable"))
