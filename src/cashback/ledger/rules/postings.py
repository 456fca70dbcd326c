"""What each step of a cashback's life moves between which accounts; `model.books` draws the table of accounts."""

from cashback.kernel.money import TOKEN_SYMBOL, Minor
from cashback.ledger.model import Account, AccountKind, Accrual, Cause, Mintable, Posting, Requested, State, Stuck


def budget_of(campaign_id: str, currency: str) -> Account:
    """Return the account that a campaign's grants come from."""
    return Account(campaign_id, AccountKind.BUDGET, currency)


def funded(campaign_id: str, currency: str, amount: Minor) -> Posting:
    """Put `amount` into a campaign's budget."""
    source = Account(campaign_id, AccountKind.FUNDING, currency)
    return Posting(debit=source, credit=budget_of(campaign_id, currency), amount=amount, cause=Cause.FUNDING)


def accrued(accrual: Accrual, campaign_id: str, currency: str) -> Posting:
    """Move what was granted from a campaign's budget to the user."""
    return Posting(
        debit=budget_of(campaign_id, currency),
        credit=Account(accrual.claim.user_id, account_of(accrual.state), currency),
        amount=accrual.amount,
        cause=Cause.ACCRUAL,
        cashback_id=accrual.cashback_id,
    )


def account_of(state: State) -> AccountKind:
    """Return the user's account that holds the money of a cashback before its request."""
    return AccountKind.PENDING if state in (State.PENDING, State.REVIEW) else AccountKind.APPROVED


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
