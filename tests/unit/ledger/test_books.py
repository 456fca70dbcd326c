"""How balances run through postings."""

import pytest

from cashback.ledger.model import Account, AccountKind, Cause, Overdrawn, Posting
from cashback.ledger.rules import transfers

FUNDING = Account("prg_1", AccountKind.FUNDING, "USD")
BUDGET = Account("prg_1", AccountKind.BUDGET, "USD")
ALICE = Account("usr_a", AccountKind.APPROVED, "USD")
BOB = Account("usr_b", AccountKind.APPROVED, "USD")


def move(debit: Account, credit: Account, amount: int) -> Posting:
    """Return a posting of an accrual."""
    return Posting(debit=debit, credit=credit, amount=amount, cause=Cause.ACCRUAL, cashback_id="cb_1")


def test_each_transfer_knows_both_balances_after_it() -> None:
    """Three grants out of one budget, two of them to the same user, run through in order."""
    done, after = transfers(
        {BUDGET: 100, ALICE: 5, BOB: 0}, [move(BUDGET, ALICE, 30), move(BUDGET, BOB, 20), move(BUDGET, ALICE, 50)]
    )
    assert [(each.debit_balance_after, each.credit_balance_after) for each in done] == [(70, 35), (50, 20), (0, 85)]
    assert after == {BUDGET: 0, ALICE: 85, BOB: 20}


def test_only_a_source_may_fall_below_zero() -> None:
    """Funding is where money comes from; a budget gives what it has and no more."""
    _, after = transfers({FUNDING: 0, BUDGET: 0}, [move(FUNDING, BUDGET, 100)])
    assert after == {FUNDING: -100, BUDGET: 100}
    with pytest.raises(Overdrawn):
        transfers({BUDGET: 99, ALICE: 0}, [move(BUDGET, ALICE, 100)])
