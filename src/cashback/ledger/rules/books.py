"""How balances run through a list of postings: before it is known what the accounts hold, and while all are locked."""

from collections.abc import Mapping, Sequence

from cashback.ledger.model import SOURCES, Account, Changes, Overdrawn, Posting, Transfer


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


def changed_by(postings: Sequence[Posting]) -> Changes:
    """Return what postings change in order, whatever the accounts hold: `transfers` is this, added to balances.

    Where no account ends up below zero that may not, no balance plus its `lowest` is below zero, and conversely.
    """
    sums = dict.fromkeys((account for posting in postings for account in (posting.debit, posting.credit)), 0)
    lowest = dict.fromkeys(sums, 0)
    debits, credits_ = [], []
    for posting in postings:
        debit, credit = posting.debit, posting.credit
        sums[debit] -= posting.amount
        sums[credit] += posting.amount
        debits.append(sums[debit])
        credits_.append(sums[credit])
        if sums[debit] < lowest[debit] and debit.kind not in SOURCES:
            lowest[debit] = sums[debit]
    return Changes(sums=sums, lowest=lowest, debits=debits, credits=credits_)
