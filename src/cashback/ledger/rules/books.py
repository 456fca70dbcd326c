"""How balances run through a list of postings, computed while every account concerned is locked."""

from collections.abc import Mapping, Sequence

from cashback.ledger.model import SOURCES, Account, Overdrawn, Posting, Transfer


def transfers(
    balances: Mapping[Account, int], postings: Sequence[Posting]
) -> tuple[list[Transfer], dict[Account, int]]:
    """Return a transfer per posting, in order, and the balances after all of them.

    Debits equal credits in every one by construction (I8).

    Raises:
        Overdrawn: an account other than a source would fall below zero.
    """
    after = dict(balances)
    done = []
    for posting in postings:
        after[posting.debit] -= posting.amount
        after[posting.credit] += posting.amount
        if after[posting.debit] < 0 and posting.debit.kind not in SOURCES:
            raise Overdrawn(f"{posting.debit.kind} of {posting.debit.owner} would be overdrawn", amount=posting.amount)
        done.append(
            Transfer(
                posting=posting, debit_balance_after=after[posting.debit], credit_balance_after=after[posting.credit]
            )
        )
    return done, after
