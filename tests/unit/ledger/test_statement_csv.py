"""A statement as CSV: what people wrote is never a formula to whoever opens it, and amounts stay numbers."""

import csv
import io
from datetime import UTC, datetime

import pytest

from cashback.ledger.model.statements import StatementLine
from cashback.ledger.rules.statements import COLUMNS, csv_lines

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
