"""A statement as CSV: what people wrote is never a formula to whoever opens it, and amounts stay numbers."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cashback.ledger.model.statements import Figure, StatementLine
from cashback.ledger.rules.statements import COLUMNS, csv_balances, csv_lines

AT = datetime(2026, 11, 22, tzinfo=UTC)


def a_line(because: str | None) -> StatementLine:
    """Return a line by which a person took something back, and said why."""
    return StatementLine(
        position="7",
        at=AT,
        effective_at=None,
        cause="refund",
        text="Less, because it was taken back by hand",
        cashback_id="cb_01m8cckwm2eywsrgav8zg5xexc",
        currency="USD",
        exponent=2,
        amount="100",
        change="-100",
        balance="-20",
        from_account="pending",
        to_account=None,
        transfers=[],
        adjusted_because=because,
    )


@pytest.mark.parametrize(
    "because,told",
    [
        pytest.param(None, "", id="nothing"),
        pytest.param("sent back = paid back", "sent back = paid back", id="plain"),
        pytest.param("'twas late", "'twas late", id="apostrophe"),
        *[
            pytest.param(f"{begins}1+1", f"'{begins}1+1", id=repr(begins))
            for begins in ("=", "+", "-", "@", "\t", "\r", "\n")
        ],
    ],
)
def test_a_reason_is_no_formula_and_an_amount_below_nothing_is_a_number(because: str | None, told: str) -> None:
    """Behind an apostrophe a spreadsheet shows a cell as it is (OWASP, CSV injection)."""
    [cells] = csv.reader(io.StringIO(csv_lines([a_line(because)]), newline=""))
    row = dict(zip(COLUMNS, cells, strict=True))
    assert row["adjusted_because"] == told
    assert (row["amount"], row["change"], row["balance"]) == ("100", "-100", "-20")


def test_an_instant_is_told_in_utc_wherever_it_was_asked_for() -> None:
    """As JSON has it, which tells a period's ends in UTC too, and to the microsecond where there are any."""
    figure = Figure(currency="USD", exponent=2, opening="0", closing="5")
    asked = datetime(2026, 11, 22, 5, 30, 0, 500, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    [cells] = csv.reader(io.StringIO(csv_balances([figure], row="opening", at=asked), newline=""))
    assert dict(zip(COLUMNS, cells, strict=True))["at"] == "2026-11-22T00:00:00.000500Z"
