"""What each step of a cashback's life moves between which accounts; `model.books` draws the table of accounts."""

from cashback.kernel.money import TOKEN_SYMBOL, Minor
from cashback.ledger.model import (
    Account,
    AccountKind,
    Accrual,
    Cause,
    Mintable,
    Posting,
    Requested,
    Ruleset,
    State,
    Stuck,
)


def budget_of(ruleset: Ruleset) -> Account:
    """Return the account that grants under `ruleset` come from."""
    return Account(ruleset.programme_id, AccountKind.BUDGET, ruleset.currency.code)


def funded(ruleset: Ruleset, amount: Minor) -> Posting:
    """Put `amount` into a programme's budget."""
    source = Account(ruleset.programme_id, AccountKind.FUNDING, ruleset.currency.code)
    return Posting(debit=source, credit=budget_of(ruleset), amount=amount, cause=Cause.FUNDING)


def accrued(accrual: Accrual, ruleset: Ruleset) -> Posting:
    """Move what was granted from the budget to the user."""
    return Posting(
        debit=budget_of(ruleset),
        credit=Account(accrual.claim.user_id, AccountKind.APPROVED, ruleset.currency.code),
        amount=accrual.amount,
        cause=Cause.ACCRUAL,
        cashback_id=accrual.cashback_id,
        effective_at=accrual.claim.facts.occurred_at,
    )


def requested(cashback: Mintable) -> tuple[Posting, Posting]:
    """Turn approved money into tokens in flight: out of the user's money into fx, out of fx into the user's tokens."""
    approved = Account(cashback.user_id, AccountKind.APPROVED, cashback.currency)
    cost = Account(cashback.programme_id, AccountKind.FX, cashback.currency)
    tokens = Account(cashback.programme_id, AccountKind.FX, TOKEN_SYMBOL)
    in_flight = Account(cashback.user_id, AccountKind.IN_FLIGHT, TOKEN_SYMBOL)
    return (
        Posting(debit=approved, credit=cost, amount=cashback.amount, cause=Cause.CONVERSION, cashback_id=cashback.id),
        Posting(
            debit=tokens, credit=in_flight, amount=cashback.token_units, cause=Cause.REQUEST, cashback_id=cashback.id
        ),
    )


def minted(cashback: Requested) -> Posting:
    """Move a user's tokens from where the request had left them to the minted ones."""
    held = AccountKind.STUCK if cashback.state is State.STUCK else AccountKind.IN_FLIGHT
    return _move(cashback, held, AccountKind.MINTED, Cause.MINT)


def failed(cashback: Requested) -> Posting:
    """Move a user's tokens from the ones in flight to those that a person must look after."""
    return _move(cashback, AccountKind.IN_FLIGHT, AccountKind.STUCK, Cause.STUCK)


def given_back(cashback: Stuck) -> tuple[Posting, Posting]:
    """Turn stuck tokens back into approved money: what `requested` had posted, the other way round."""
    stuck = Account(cashback.user_id, AccountKind.STUCK, TOKEN_SYMBOL)
    tokens = Account(cashback.programme_id, AccountKind.FX, TOKEN_SYMBOL)
    cost = Account(cashback.programme_id, AccountKind.FX, cashback.currency)
    approved = Account(cashback.user_id, AccountKind.APPROVED, cashback.currency)
    return (
        Posting(
            debit=stuck, credit=tokens, amount=cashback.token_units, cause=Cause.RETIREMENT, cashback_id=cashback.id
        ),
        Posting(debit=cost, credit=approved, amount=cashback.amount, cause=Cause.RECONVERSION, cashback_id=cashback.id),
    )


def reverted(cashback: Requested) -> Posting:
    """Move a user's tokens from where an outcome had left them, which is void, to the ones in flight."""
    held = AccountKind.STUCK if cashback.state is State.STUCK else AccountKind.MINTED
    return _move(cashback, held, AccountKind.IN_FLIGHT, Cause.REVERT)


def _move(cashback: Requested, debit: AccountKind, credit: AccountKind, cause: Cause) -> Posting:
    """Return the posting of a whole cashback between two token accounts of its user."""
    return Posting(
        debit=Account(cashback.user_id, debit, TOKEN_SYMBOL),
        credit=Account(cashback.user_id, credit, TOKEN_SYMBOL),
        amount=cashback.token_units,
        cause=cause,
        cashback_id=cashback.id,
    )
