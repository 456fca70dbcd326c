"""Adding the books up, and when that is to be done again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from cashback.ledger.model.trial import AccountSum, CurrencyTrial, KindSum, KindTotal, TrialBalance
from cashback.ledger.rules.statements import exponent_of


def trial_of(sums: Sequence[KindSum], *, at: datetime | None) -> TrialBalance:
    """Return the trial balance over sums in the order of their currencies."""
    currencies = [_currency(name, list(found)) for name, found in groupby(sums, key=lambda each: each.currency)]
    return TrialBalance(at=at, is_balanced=all(each.is_balanced for each in currencies), currencies=currencies)


def is_due(now: datetime, *, last_began_at: datetime | None, hour: int) -> bool:
    """Tell whether to recompute the books: once a day from `hour` on, in UTC; what was missed is made up for."""
    now = now.astimezone(UTC)
    due_at = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if due_at > now:
        due_at -= timedelta(days=1)
    return last_began_at is None or last_began_at < due_at


def difference_of(account: AccountSum) -> str:
    """Return how an account that is not proved differs."""
    return (
        f"{account.name} holds {account.balance}, its entries come to {account.computed}, the last says {account.last}"
    )


def _currency(currency: str, sums: Sequence[KindSum]) -> CurrencyTrial:
    """Return one currency's part."""
    debit, credit = sum(each.debit for each in sums), sum(each.credit for each in sums)
    return CurrencyTrial(
        currency=currency,
        exponent=exponent_of(currency),
        debit=str(debit),
        credit=str(credit),
        is_balanced=debit == credit,
        kinds=[
            KindTotal(kind=each.kind, accounts=each.accounts, debit=str(each.debit), credit=str(each.credit))
            for each in sums
        ],
    )
