"""Purchases of several lines: recorded, answered and read back as they were given, and granted line by line."""

import runpy
from pathlib import Path

import msgspec
import pytest

from cashback.ledger.rules import decode_grants
from cashback.purchases.model import FieldInvalid, KeyReused, Line, LineAnswer, Recorded, Refused
from cashback.purchases.rules import decode_lines
from tests.integration.ledger.world import World, buy

SHOES = Line(amount_minor=6_000, sku="A-1", category="shoes", quantity=2)
SOCKS = Line(amount_minor=999)


async def test_lines_are_answered_and_kept_as_they_were_given(world: World) -> None:
    """What a merchant calls them, in their order; a purchase without lines has none."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    whole, parted = await world.record(buy(user, merchant, 500), buy(user, merchant, 6_999, lines=(SHOES, SOCKS)))
    assert whole.lines == ()
    assert parted.lines == (
        LineAnswer(amount_minor="6000", sku="A-1", category="shoes", quantity=2),
        LineAnswer(amount_minor="999"),
    )
    assert decode_lines((await world.purchases.purchase(parted.id)).lines) == (SHOES, SOCKS)
    assert (await world.purchases.purchase(whole.id)).lines is None


async def test_the_grant_is_spread_over_the_lines_by_amount(world: World) -> None:
    """Of 104 for 69.99 the socks have 14 rounded down, the shoes their 89 and what is left over."""
    await world.programme(rate=150)
    user, merchant = await world.user(), await world.merchant()
    [answer] = await world.record(buy(user, merchant, 6_999, lines=(SHOES, SOCKS)))
    document = await world.one("select grants from ledger.cashback_ledger where id = %s", answer.cashback.id)
    grants = decode_grants(document)
    assert answer.cashback.amount_minor == "104"
    assert [(line.base, line.granted) for line in grants.lines] == [(6_000, 90), (999, 14)]
    assert (grants.exponent, grants.rate) == (2, (1, 1))


async def test_a_purchase_without_lines_is_one_line(world: World) -> None:
    """Its grants have its whole amount as their base."""
    await world.programme(rate=150)
    user, merchant = await world.user(), await world.merchant()
    [answer] = await world.record(buy(user, merchant, 1_999))
    document = await world.one("select grants from ledger.cashback_ledger where id = %s", answer.cashback.id)
    assert [(line.base, line.granted) for line in decode_grants(document).lines] == [(1_999, 29)]


async def test_the_key_stands_for_the_lines_too(world: World) -> None:
    """The same lines again are a replay, others another request; none at all is what it was before lines came."""
    user, merchant = await world.user(), await world.merchant()
    purchase = buy(user, merchant, 6_999, lines=(SHOES, SOCKS))
    other = msgspec.structs.replace(purchase, lines=(SOCKS, SHOES))
    first, again, reused = await world.purchases.record([purchase, purchase, other])
    assert isinstance(first, Recorded)
    assert again == Recorded(first.answer, is_replay=True)
    assert isinstance(reused, Refused)
    assert isinstance(reused.error, KeyReused)


@pytest.mark.parametrize(
    "lines, pointer",
    [
        ((), "/lines"),
        ((Line(amount_minor=50),) * 101, "/lines"),
        ((Line(amount_minor=1), Line(amount_minor=2)), "/lines"),
        ((Line(amount_minor=5_051), Line(amount_minor=-1)), "/lines/1/amount_minor"),
        ((Line(amount_minor=5_050, sku=""),), "/lines/0/sku"),
        ((Line(amount_minor=5_050, category="x" * 65),), "/lines/0/category"),
        ((Line(amount_minor=5_050, quantity=0),), "/lines/0/quantity"),
    ],
)
async def test_lines_that_make_no_sense_are_refused_with_their_place(
    world: World, lines: tuple[Line, ...], pointer: str
) -> None:
    """Nothing is stored of such a purchase."""
    user, merchant = await world.user(), await world.merchant()
    [outcome] = await world.purchases.record([buy(user, merchant, 5_050, lines=lines)])
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, FieldInvalid)
    assert outcome.error.fields["pointer"] == pointer
    assert await world.one("select count(*) from purchases.purchases") == 0


async def test_a_hundred_of_the_longest_lines_fit_into_their_answer(world: World) -> None:
    """The longest names of the widest characters."""
    user, merchant = await world.user(), await world.merchant()
    line = Line(amount_minor=9 * 10**16, sku="\U0001d400" * 64, category="\U0001d400" * 64, quantity=10**9)
    purchase = buy(user, merchant, 9 * 10**18, lines=(line,) * 100, reference="\U0001d400" * 200)
    [answer] = await world.record(purchase)
    assert len(answer.lines) == 100


async def test_the_grants_of_what_was_decided_before_lines_are_read_alike(world: World) -> None:
    """The migration writes, in the form of its time, what deciding a purchase of one line writes."""
    await world.programme(rate=150)
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant, 1_999), buy(user, merchant, 20_000), buy(user, merchant, 0))
    written = "select id, grants from ledger.cashback_ledger order by position"
    before = await world.rows(written)
    await world.rows("alter table ledger.cashback_ledger disable trigger cashback_frozen")
    await world.rows("update ledger.cashback_ledger set grants = null")
    migration = runpy.run_path(str(Path(__file__).parents[3] / "migrations" / "ledger" / "0010_refunds.py"))
    for statement in migration["GRANTS_KNOWN"].split(";"):
        if statement.strip():
            await world.rows(statement)
    after = await world.rows(written)
    assert [grants is None for _, grants in after] == [False, False, True]
    read = [[(id_, grants and decode_grants(grants)) for id_, grants in rows] for rows in (before, after)]
    assert read[0] == read[1]
