"""A statement in words and in CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cashback.kernel.errors import Broken
from cashback.kernel.instants import WANTED, as_told, is_in_range
from cashback.kernel.money import TOKEN_DECIMALS, TOKEN_SYMBOL
from cashback.ledger.model import Cause
from cashback.ledger.model.books import CHARGEBACK
from cashback.ledger.model.statements import Figure, Movement, PeriodInvalid, StatementLine, StatementPart, Totals
from cashback.ledger.rules.currencies import currency_of

WORDS: Final[Mapping[str, str]] = {
    Cause.ACCRUAL: "Cashback earned",
    Cause.CONVERSION: "Turned into tokens",
    Cause.REQUEST: "Tokens on their way to the wallet",
    Cause.MINT: "Tokens arrived in the wallet",
    Cause.STUCK: "Tokens held up; we are looking after them",
    Cause.RETIREMENT: "Tokens taken back from a mint that was given up",
    Cause.RECONVERSION: "Money again, after a mint was given up",
    Cause.REVERT: "Tokens on their way again: the chain took their block back",
    Cause.FUNDING: "Budget funded",
    Cause.WITHDRAWAL: "Budget taken back",
    Cause.REBALANCING: "Budget moved within a campaign",
    Cause.APPROVAL: "Cashback confirmed",
    Cause.VOID: "Cashback cancelled",
    Cause.REFUND: "Less, because something was returned",
    Cause.EXPIRY: "Expired: no wallet was linked in time",
    Cause.DEBT: "Owed for something returned after its tokens had gone out",
    Cause.NETTING: "Kept against what was owed",
    Cause.WRITE_OFF: "No longer owed",
    Cause.ISSUANCE: "Tokens issued on the chain",
    Cause.BURN: "Tokens burned by their holder",
    Cause.UNEXPLAINED: "Supply that no mint and no burn explains",
}

BY_HAND: Final[Mapping[str, str]] = {
    Cause.ACCRUAL: "Cashback given by hand",
    Cause.REFUND: "Less, because it was taken back by hand",
    Cause.VOID: "Cashback taken back by hand",
    Cause.DEBT: "Owed for cashback taken back by hand after its tokens had gone out",
}
"""What a customer reads where a person gave or took back, and no purchase or refund did."""

CHARGED_BACK: Final[Mapping[str, str]] = {
    Cause.REFUND: "Less, because your bank took the payment back",
    Cause.VOID: "Cashback cancelled: your bank took the payment back",
    Cause.DEBT: "Owed for a payment that your bank took back after its tokens had gone out",
}
"""What a customer reads where a chargeback took back, and nothing was returned."""

COLUMNS: Final = (
    "row",
    "position",
    "at",
    "effective_at",
    "cause",
    "text",
    "cashback_id",
    "currency",
    "exponent",
    "amount",
    "change",
    "balance",
    "from_account",
    "to_account",
    "adjusted_because",
    "transfers",
)
"""`transfers` are the positions of a line's parts, with a space between them."""

FREE: Final = frozenset({"adjusted_because"})
"""Columns in which people have written what they liked; all others are ours, amounts below nothing among them."""

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take the rest of a cell for a formula behind (OWASP, CSV injection)."""


class CurrencyUnnamed(Broken):
    """The books hold a currency whose exponent nobody knows."""

    code = "currency_unnamed"


def exponent_of(currency: str) -> int:
    """Return the exponent of a currency's smallest unit: never assumed, always named.

    Raises:
        CurrencyUnnamed: nobody knows it.

    >>> exponent_of("JPY"), exponent_of("CBK")
    (0, 6)
    """
    if currency == TOKEN_SYMBOL:
        return TOKEN_DECIMALS
    known = currency_of(currency)
    if known is None:
        raise CurrencyUnnamed(f"the books hold {currency}, whose exponent is not known", currency=currency)
    return known.exponent


def words_of(cause: str, *, is_by_hand: bool = False, is_chargeback: bool = False) -> str:
    """Return why something moved, as a customer reads it; a person's hand and a chargeback have words of their own."""
    own = BY_HAND.get(cause) if is_by_hand else CHARGED_BACK.get(cause) if is_chargeback else None
    return own or WORDS.get(cause) or cause.replace("_", " ").capitalize()


def check_instant(instant: datetime, *, parameter: str) -> None:
    """Return when an instant says its offset, without which it is a different time in every place, and is in range.

    Raises:
        PeriodInvalid: it does not, or is not.
    """
    if not is_in_range(instant):
        raise PeriodInvalid(WANTED, parameter=parameter)


def check_period(since: datetime, until: datetime) -> None:
    """Return when a period has two ends that are instants in range, the second after the first.

    Raises:
        PeriodInvalid: it does not.
    """
    check_instant(since, parameter="from")
    check_instant(until, parameter="to")
    if since >= until:
        raise PeriodInvalid("a period ends after it begins", parameter="to")


def first_of_last(movements: Sequence[Movement]) -> int:
    """Return the place of the first movement of the last line, 0 where there is none."""
    place = max(len(movements) - 1, 0)
    while place and _is_one(movements[place - 1], movements[place]):
        place -= 1
    return place


def end_of_line(movements: Sequence[Movement], place: int) -> int:
    """Return the place behind the line that what is before `place` is part of."""
    while 0 < place < len(movements) and _is_one(movements[place - 1], movements[place]):
        place += 1
    return place


def lines_of(movements: Sequence[Movement]) -> list[StatementLine]:
    """Return movements as the statement tells them: neighbours that moved at once for one reason are one line."""
    lines, start = [], 0
    while start < len(movements):
        end = end_of_line(movements, start + 1)
        lines.append(_line_of(movements[start:end]))
        start = end
    return lines


def _is_one(one: Movement, next_: Movement) -> bool:
    """Tell whether two neighbours moved at once for one reason, and only on the other side not to one account."""
    return _reason(one) == _reason(next_)


def _reason(movement: Movement) -> tuple[object, ...]:
    """Return what the movements of a line have in common; without a cashback each is a line of its own."""
    return (
        movement.cashback_id or movement.position,
        movement.xact,
        movement.at,
        movement.effective_at,
        movement.cause,
        movement.origin,
        movement.currency,
        movement.from_kind,
        movement.to_kind,
    )


def _line_of(movements: Sequence[Movement]) -> StatementLine:
    """Return what moved at once for one reason as the statement tells it."""
    first, last = movements[0], movements[-1]
    return StatementLine(
        position=str(first.position),
        at=first.at,
        effective_at=first.effective_at,
        cause=first.cause,
        text=words_of(
            first.cause, is_by_hand=first.adjusted_because is not None, is_chargeback=first.origin == CHARGEBACK
        ),
        cashback_id=first.cashback_id,
        currency=first.currency,
        exponent=exponent_of(first.currency),
        amount=str(sum(each.amount for each in movements)),
        change=str(sum(each.change for each in movements)),
        balance=str(last.balance),
        from_account=first.from_kind,
        to_account=first.to_kind,
        transfers=[StatementPart(position=str(each.position), amount=str(each.amount)) for each in movements],
        adjusted_because=first.adjusted_because,
    )


def figure_of(totals: Totals) -> Figure:
    """Return a currency's opening and closing balance as the statement tells them."""
    return Figure(
        currency=totals.currency,
        exponent=exponent_of(totals.currency),
        opening=str(totals.opening),
        closing=str(totals.closing),
    )


def csv_header() -> str:
    """Return the first line of a statement as CSV (RFC 4180)."""
    return _csv([COLUMNS])


def csv_balances(figures: Sequence[Figure], *, row: str, at: datetime) -> str:
    """Return a line with each currency's balance at an end of the period; `row` is `opening` or `closing`."""
    return _csv(
        [
            [
                {
                    "row": row,
                    "at": as_told(at),
                    "currency": figure.currency,
                    "exponent": str(figure.exponent),
                    "balance": figure.opening if row == "opening" else figure.closing,
                }.get(column, "")
                for column in COLUMNS
            ]
            for figure in figures
        ]
    )


def csv_lines(lines: Sequence[StatementLine]) -> str:
    """Return the lines of a statement as CSV."""
    return _csv([["line", *(_cell_of(line, column) for column in COLUMNS[1:])] for line in lines])


def _cell_of(line: StatementLine, column: str) -> str:
    """Return a column of a line as CSV has it; a text that a spreadsheet would work out begins with an apostrophe."""
    cell = _cell(getattr(line, column))
    return f"'{cell}" if column in FREE and cell.startswith(FORMULAS) else cell


def _cell(value: object) -> str:
    """Return a value as CSV has it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(part.position for part in value)
    return as_told(value) if isinstance(value, datetime) else str(value)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV: CRLF at the end of each, quotes where needed."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
