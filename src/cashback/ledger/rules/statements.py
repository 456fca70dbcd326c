"""A statement in words and in CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cashback.kernel.errors import Broken
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.money import TOKEN_DECIMALS, TOKEN_SYMBOL
from cashback.ledger.model import Cause
from cashback.ledger.model.statements import Figure, Movement, PeriodInvalid, StatementLine, Totals
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
)


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


def words_of(cause: str, *, is_by_hand: bool = False) -> str:
    """Return why something moved, as a customer reads it; a person's hand has words of its own."""
    by_hand = BY_HAND.get(cause) if is_by_hand else None
    return by_hand or WORDS.get(cause) or cause.replace("_", " ").capitalize()


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


def line_of(movement: Movement) -> StatementLine:
    """Return a movement as the statement tells it."""
    return StatementLine(
        position=str(movement.position),
        at=movement.at,
        effective_at=movement.effective_at,
        cause=movement.cause,
        text=words_of(movement.cause, is_by_hand=movement.adjusted_because is not None),
        cashback_id=movement.cashback_id,
        currency=movement.currency,
        exponent=exponent_of(movement.currency),
        amount=str(movement.amount),
        change=str(movement.change),
        balance=str(movement.balance),
        from_account=movement.from_kind,
        to_account=movement.to_kind,
        adjusted_because=movement.adjusted_because,
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
                    "at": at.isoformat(),
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
    return _csv([["line", *(_cell(getattr(line, column)) for column in COLUMNS[1:])] for line in lines])


def _cell(value: object) -> str:
    """Return a value as CSV has it."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV: CRLF at the end of each, quotes where needed."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
