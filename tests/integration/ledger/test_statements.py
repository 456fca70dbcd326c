"""What a user's statement says, and what they had at any instant, by either of the two times."""

import csv
import io
from datetime import timedelta

import pytest

from cashback.kernel.instants import LATEST
from cashback.kernel.listing import bound
from cashback.kernel.page import CursorInvalid, cursor_of
from cashback.ledger.model import Cause
from cashback.ledger.model.statements import BalanceAt, PeriodInvalid, StatementLine, StatementTooLong
from cashback.ledger.rules.statements import WORDS, words_of
from cashback.ledger.service import Statements
from cashback.ledger.service import statements as service
from tests.integration.ledger.world import START, World, buy, failed_outcome, minted_outcome

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SINCE, UNTIL = START - 10 * DAY, START + 100 * DAY


async def lived_in(world: World) -> str:
    """Return a user who earned 1.50 USD on the first day, of which tokens arrived on the third, and 3.00 on the fourth.

    The first was bought an hour before it was recorded. What was earned on the fourth is on its way.
    """
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [first] = await world.record(buy(user, merchant, 10_000, occurred_at=START - HOUR))
    world.clock.advance(DAY)
    await world.request(first.cashback.id)
    world.clock.advance(DAY)
    await world.settle(await minted_outcome(world, first.cashback.id))
    world.clock.advance(DAY)
    [second] = await world.record(buy(user, merchant, 20_000, occurred_at=world.clock.now()))
    await world.request(second.cashback.id)
    return user.id


def amounts(found: BalanceAt) -> dict[str, str]:
    """Return what each account held."""
    return {holding.account: holding.amount for each in (*found.money, *found.tokens) for holding in each.accounts}


async def test_a_statement_opens_tells_every_line_and_closes(world: World) -> None:
    """Money and tokens apart, each line with its cause in words and the balance after it."""
    user = await lived_in(world)
    told = await Statements(world.auditor).page(user, since=SINCE, until=UNTIL)
    assert [(line.text, line.change, line.balance) for line in told.money_lines] == [
        ("Cashback earned", "150", "150"),
        ("Turned into tokens", "-150", "0"),
        ("Cashback earned", "300", "300"),
        ("Turned into tokens", "-300", "0"),
    ]
    assert [
        (line.cause, line.from_account, line.to_account, line.change, line.balance) for line in told.token_lines
    ] == [
        ("request", None, "in_flight", "1500000", "1500000"),
        ("mint", "in_flight", "minted", "0", "1500000"),
        ("request", None, "in_flight", "3000000", "4500000"),
    ]
    assert [(each.currency, each.exponent, each.opening, each.closing) for each in (*told.money, *told.tokens)] == [
        ("USD", 2, "0", "0"),
        ("CBK", 6, "0", "4500000"),
    ]
    assert (told.next_cursor, told.is_before_first) == (None, False)


async def test_a_period_begins_with_what_was_there(world: World) -> None:
    """From the beginning of one instant to before another: two periods that meet share no line and miss none."""
    user = await lived_in(world)
    statements = Statements(world.auditor)
    whole = await statements.page(user, since=SINCE, until=UNTIL)
    second_day = START + DAY
    before = await statements.page(user, since=SINCE, until=second_day)
    after = await statements.page(user, since=second_day, until=UNTIL)
    assert before.money_lines + after.money_lines == whole.money_lines
    assert before.token_lines + after.token_lines == whole.token_lines
    [earlier], [later] = before.money, after.money
    assert (earlier.opening, earlier.closing, later.opening, later.closing) == ("0", "150", "150", "0")


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_make_up_the_whole(world: World, limit: int) -> None:
    """Whatever their size, each line is told once, in order, with the balance that runs over all of them."""
    user = await lived_in(world)
    statements = Statements(world.auditor)
    whole = await statements.page(user, since=SINCE, until=UNTIL)
    lines: list[StatementLine] = []
    cursor: str | None = None
    while True:
        page = await statements.page(user, since=SINCE, until=UNTIL, cursor=cursor, limit=limit)
        assert len(page.money_lines) + len(page.token_lines) <= limit
        assert (page.money, page.tokens) == (whole.money, whole.tokens)
        lines += page.money_lines + page.token_lines
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(lines, key=lambda line: int(line.position)) == sorted(
        whole.money_lines + whole.token_lines, key=lambda line: int(line.position)
    )


@pytest.mark.parametrize("place", ["", "never 1", "2026-03-01T00:00:00 1", "2026-03-01T00:00:00+00:00 x"])
async def test_a_forged_cursor_is_refused(world: World, place: str) -> None:
    """It names no instant, or none with an offset, or no position; or not of which statement it is."""
    terms = {"list": "statement", "user_id": "usr_x", "since": SINCE, "until": UNTIL}
    for forged in (bound(place, terms) or "", "2026-03-01T00:00:00+00:00 1"):
        with pytest.raises(CursorInvalid):
            await Statements(world.auditor).page("usr_x", since=SINCE, until=UNTIL, cursor=cursor_of(forged))
    sound = cursor_of(bound("2026-03-01T00:00:00+00:00 1", terms) or "")
    assert (await Statements(world.auditor).page("usr_x", since=SINCE, until=UNTIL, cursor=sound)).next_cursor is None


async def test_the_csv_is_the_same_statement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening balances, lines, closing balances; told in pieces, and bounded."""
    user = await lived_in(world)
    statements = Statements(world.auditor)
    told = await statements.page(user, since=SINCE, until=UNTIL)
    monkeypatch.setattr(service, "CSV_PAGE", 2)
    text = "".join([piece async for piece in await statements.csv(user, since=SINCE, until=UNTIL)])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["row"] for row in rows] == ["opening"] * 2 + ["line"] * 7 + ["closing"] * 2
    by_position = {line.position: line for line in (*told.money_lines, *told.token_lines)}
    for row in rows[2:-2]:
        line = by_position[row["position"]]
        assert (row["amount"], row["balance"], row["exponent"]) == (line.amount, line.balance, str(line.exponent))
    assert {row["currency"]: row["balance"] for row in rows[-2:]} == {"USD": "0", "CBK": "4500000"}
    monkeypatch.setattr(service, "CSV_LINES_MAX", 6)
    with pytest.raises(StatementTooLong):
        await statements.csv(user, since=SINCE, until=UNTIL)


async def test_a_period_ends_after_it_begins(world: World) -> None:
    """Anything else is refused, and the end is named."""
    for until in (START, START - DAY):
        with pytest.raises(PeriodInvalid) as refused:
            await Statements(world.auditor).page("usr_x", since=START, until=until)
        assert refused.value.fields["parameter"] == "to"


async def test_what_was_known_and_what_was_effective_are_two_questions(world: World) -> None:
    """A purchase earns when it is made, and is known when it is recorded: between the two the answers differ."""
    user = await lived_in(world)
    statements, between = Statements(world.auditor), START - HOUR / 2
    known = await statements.balance_at(user, known_at=between)
    effective = await statements.balance_at(user, effective_at=between)
    assert (known.is_before_first, known.first_at, amounts(known)["approved"]) == (True, START, "0")
    assert (effective.is_before_first, effective.first_at) == (False, START - HOUR)
    assert amounts(effective)["approved"] == "150"
    with pytest.raises(PeriodInvalid):
        await statements.balance_at(user, known_at=between, effective_at=between)
    with pytest.raises(PeriodInvalid):
        await statements.balance_at(user)


async def test_an_instant_before_the_first_row_is_an_explicit_zero(world: World) -> None:
    """Never a silent empty answer (formancehq/ledger#1416): every currency with 0, and that it is before the first."""
    user = await lived_in(world)
    found = await Statements(world.auditor).balance_at(user, known_at=START - timedelta(microseconds=1))
    assert (found.is_before_first, found.first_at) == (True, START)
    assert set(amounts(found).values()) == {"0"}
    assert [(each.currency, each.total) for each in (*found.money, *found.tokens)] == [("USD", "0"), ("CBK", "0")]
    at_first = await Statements(world.auditor).balance_at(user, known_at=START)
    assert (at_first.is_before_first, amounts(at_first)["approved"]) == (False, "150")
    nobody = await Statements(world.auditor).balance_at("usr_nobody", known_at=START)
    assert (nobody.is_before_first, nobody.first_at) == (True, None)
    early = await Statements(world.auditor).page(user, since=START - 2 * DAY, until=START)
    assert (early.is_before_first, early.money_lines, early.money[0].closing) == (True, [], "0")


async def test_no_amount_is_told_without_its_exponent(world: World) -> None:
    """A balance without an exponent is off by a power of ten to whoever guesses (blnkfinance/blnk#323)."""
    await world.programme(currency="JPY")
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant, 10_000, currency="JPY"))
    await world.request()
    statements = Statements(world.auditor)
    found = await statements.balance_at(user.id, known_at=world.clock.now())
    told = await statements.page(user.id, since=SINCE, until=UNTIL)
    exponents = {"JPY": 0, "CBK": 6}
    balances, figures = (*found.money, *found.tokens), (*told.money, *told.tokens)
    lines = (*told.money_lines, *told.token_lines)
    named = [
        *((each.currency, each.exponent) for each in balances),
        *((each.currency, each.exponent) for each in figures),
        *((each.currency, each.exponent) for each in lines),
    ]
    assert len(named) == 2 + 2 + 3
    assert set(named) == set(exponents.items())


async def test_what_is_in_flight_counts(world: World) -> None:
    """Requested and not yet minted is the user's all the same (blnkfinance/blnk#181), and so is what is stuck."""
    user = await lived_in(world)
    found = await Statements(world.auditor).balance_at(user, known_at=world.clock.now())
    assert (found.tokens[0].total, amounts(found)["in_flight"], amounts(found)["minted"]) == (
        "4500000",
        "3000000",
        "1500000",
    )
    [(second,)] = await world.rows("select id from ledger.cashback_ledger where state = 'mint_requested'")
    await world.settle(await failed_outcome(world, second))
    stuck = await Statements(world.auditor).balance_at(user, known_at=world.clock.now())
    assert (stuck.tokens[0].total, amounts(stuck)["stuck"]) == ("4500000", "3000000")


async def test_amounts_are_strings_that_no_reader_rounds(world: World) -> None:
    """2^53 + 1 is no number to JavaScript (riverqueue/river's ui#593)."""
    await world.programme()
    user, merchant = await world.user(wallet=None), await world.merchant()
    await world.rows("alter table ledger.transfers disable trigger all")
    await world.record(buy(user, merchant, 10_000))
    await world.rows("update ledger.transfers set amount = 9007199254740993 where cause = 'accrual'")
    found = await Statements(world.auditor).balance_at(user.id, known_at=world.clock.now())
    [line] = (await Statements(world.auditor).page(user.id, since=SINCE, until=UNTIL)).money_lines
    assert (found.money[0].total, line.amount, line.balance) == ("9007199254740993",) * 3


async def test_the_balance_at_the_end_is_the_books_own(world: World) -> None:
    """The last line's balance, the closing balance and the accounts agree."""
    user = await lived_in(world)
    rows = await world.rows("select kind, balance from ledger.accounts where owner = %s", user)
    found = await Statements(world.auditor).balance_at(user, known_at=LATEST)
    assert amounts(found) == {kind: str(balance) for kind, balance in rows}


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_its_words(cause: Cause) -> None:
    """A customer reads sentences."""
    assert words_of(cause) == WORDS[cause]
