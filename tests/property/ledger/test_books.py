"""Transfers over all postings (I8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.ledger.model import Account, AccountKind, Cause, Posting
from cashback.ledger.rules import transfers

ACCOUNTS = [Account(f"usr_{number}", AccountKind.FX, "USD") for number in range(4)]
postings = st.builds(
    lambda pair, amount: Posting(debit=pair[0], credit=pair[1], amount=amount, cause=Cause.FUNDING),
    st.permutations(ACCOUNTS),
    st.integers(1, 10**12),
)


@pytest.mark.invariant("I8")
@given(st.lists(postings, max_size=50), st.lists(st.integers(-(10**12), 10**12), min_size=4, max_size=4))
def test_whatever_moves_nothing_is_made_or_lost(many: list[Posting], holdings: list[int]) -> None:
    """The sum of all balances stays, and each account's last balance after a transfer is its balance (I8)."""
    before = dict(zip(ACCOUNTS, holdings, strict=True))
    done, after = transfers(before, many)
    assert sum(after.values()) == sum(before.values())
    last = dict(before)
    for transfer in done:
        last[transfer.posting.debit] = transfer.debit_balance_after
        last[transfer.posting.credit] = transfer.credit_balance_after
    assert last == after
