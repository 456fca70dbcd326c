"""Transfers over all postings (I8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.ledger.model import Account, AccountKind, Cause, Overdrawn, Posting
from cashback.ledger.rules import changed_by, transfers

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


HOLDERS = [Account(f"usr_{number}", kind, "USD") for number, kind in enumerate([*AccountKind] * 2)]


@pytest.mark.invariant("I8")
@given(
    st.lists(
        st.builds(
            lambda pair, amount: Posting(debit=pair[0], credit=pair[1], amount=amount, cause=Cause.FUNDING),
            st.tuples(st.sampled_from(HOLDERS), st.sampled_from(HOLDERS)),
            st.integers(1, 100),
        ),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(0, 300), min_size=len(HOLDERS), max_size=len(HOLDERS)),
)
def test_what_postings_change_is_what_balances_run_through(many: list[Posting], holdings: list[int]) -> None:
    """Added to any balances it gives the same transfers, and it says beforehand which balances are too low (I8)."""
    before = dict(zip(HOLDERS, holdings, strict=True))
    found = changed_by(many)
    try:
        done, after = transfers(before, many)
    except Overdrawn:
        assert any(before[account] + least < 0 for account, least in found.lowest.items())
        return
    assert all(before[account] + least >= 0 for account, least in found.lowest.items())
    assert after == before | {account: before[account] + change for account, change in found.sums.items()}
    assert [
        (before[posting.debit] + debit, before[posting.credit] + credit)
        for posting, debit, credit in zip(many, found.debits, found.credits, strict=True)
    ] == [(each.debit_balance_after, each.credit_balance_after) for each in done]
