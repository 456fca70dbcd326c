"""What each step of a cashback's life moves between which accounts; `model.books` draws the table of accounts."""

from cashback.kernel.money import TOKEN_SYMBOL, Minor, TokenUnits
from cashback.ledger.model import (
    Account,
    AccountKind,
    Accrual,
    Cause,
    Mintable,
    Payable,
    Posting,
    Requested,
    State,
    Stuck,
)


def budget_of(campaign_id: str, currency: str, stripe: int = 0) -> Account:
    """Return the account, or a stripe of it, that a campaign's grants come from."""
    return Account(campaign_id, AccountKind.BUDGET, currency, stripe)


def payer_of(owner: str, currency: str) -> Account:
    """Return what a grant goes back to: a campaign's budget, or the funds of a programme that paid by hand."""
    return Account(owner, AccountKind.FUNDING, currency) if is_programme(owner) else budget_of(owner, currency)


def is_programme(owner: str) -> bool:
    """Tell whether a grant was paid by a programme itself, past its campaigns: only credits by hand are."""
    return owner.startswith("prg_")


def funded(campaign_id: str, currency: str, amount: Minor) -> Posting:
    """Put `amount` into a campaign's budget."""
    source = Account(campaign_id, AccountKind.FUNDING, currency)
    return Posting(debit=source, credit=budget_of(campaign_id, currency), amount=amount, cause=Cause.FUNDING)


def credited(accrual: Accrual) -> Account:
    """Return the account of the user that a grant goes to: approved at once, or pending."""
    return Account(accrual.claim.user_id, account_of(accrual.state), accrual.currency)


def accrued(accrual: Accrual, budget: Account, amount: Minor) -> Posting:
    """Move what a campaign grants out of a stripe of its budget to the user."""
    return Posting(
        debit=budget,
        credit=credited(accrual),
        amount=amount,
        cause=Cause.ACCRUAL,
        cashback_id=accrual.cashback_id,
        effective_at=accrual.claim.facts.occurred_at,
    )


def account_of(state: State) -> AccountKind:
    """Return the user's account that holds the money of a cashback before its request."""
    return AccountKind.PENDING if state in (State.PENDING, State.REVIEW) else AccountKind.APPROVED


def netted(cashback: Payable) -> list[Posting]:
    """Keep what is netted of a cashback's tokens against what its user owes; nothing when that is nothing."""
    if not cashback.netted:
        return []
    tokens = Account(cashback.programme_id, AccountKind.FX, TOKEN_SYMBOL)
    return [
        Posting(
            debit=tokens,
            credit=debt_of(cashback.user_id),
            amount=cashback.netted,
            cause=Cause.NETTING,
            cashback_id=cashback.id,
        )
    ]


def netted_whole(cashback: Payable) -> list[Posting]:
    """Turn approved money into tokens of which none is left: all are kept against what the user owes."""
    return [_converted(cashback), *netted(cashback)]


def debt_of(user_id: str) -> Account:
    """Return the account of what a user owes; its row is the user's lock for all that raises, nets or ends debt."""
    return Account(user_id, AccountKind.DEBT, TOKEN_SYMBOL)


def owed(user_id: str, programme_id: str, token_units: TokenUnits, *, cashback_id: str) -> Posting:
    """Have a user owe so many tokens for a cashback."""
    return Posting(
        debit=debt_of(user_id),
        credit=Account(programme_id, AccountKind.CLAWBACK, TOKEN_SYMBOL),
        amount=token_units,
        cause=Cause.DEBT,
        cashback_id=cashback_id,
    )


def written_off(user_id: str, programme_id: str, token_units: TokenUnits) -> Posting:
    """Give up so much of what a user owes."""
    return Posting(
        debit=written_off_of(programme_id), credit=debt_of(user_id), amount=token_units, cause=Cause.WRITE_OFF
    )


def written_off_of(programme_id: str) -> Account:
    """Return the account of the debt that a programme gave up."""
    return Account(programme_id, AccountKind.WRITTEN_OFF, TOKEN_SYMBOL)


def requested(cashback: Mintable) -> list[Posting]:
    """Turn approved money into tokens in flight: out of the user's money into fx, out of fx into the user's tokens.

    Less what is kept of them against what the user owes.
    """
    tokens = Account(cashback.programme_id, AccountKind.FX, TOKEN_SYMBOL)
    in_flight = Account(cashback.user_id, AccountKind.IN_FLIGHT, TOKEN_SYMBOL)
    return [
        _converted(cashback),
        *netted(cashback),
        Posting(
            debit=tokens, credit=in_flight, amount=cashback.token_units, cause=Cause.REQUEST, cashback_id=cashback.id
        ),
    ]


def minted(cashback: Requested) -> Posting:
    """Move a user's tokens from where the request had left them to the minted ones."""
    held = AccountKind.STUCK if cashback.state is State.STUCK else AccountKind.IN_FLIGHT
    return _move(cashback, held, AccountKind.MINTED, Cause.MINT)


def failed(cashback: Requested) -> Posting:
    """Move a user's tokens from the ones in flight to those that a person must look after."""
    return _move(cashback, AccountKind.IN_FLIGHT, AccountKind.STUCK, Cause.STUCK)


def given_back(cashback: Stuck, again: TokenUnits) -> list[Posting]:
    """Turn stuck tokens back into approved money: what `requested` had posted, the other way round.

    `again` is what its user owes for it once more.
    """
    stuck = Account(cashback.user_id, AccountKind.STUCK, TOKEN_SYMBOL)
    tokens = Account(cashback.programme_id, AccountKind.FX, TOKEN_SYMBOL)
    cost = Account(cashback.programme_id, AccountKind.FX, cashback.currency)
    approved = Account(cashback.user_id, AccountKind.APPROVED, cashback.currency)
    return [
        Posting(
            debit=stuck, credit=tokens, amount=cashback.token_units, cause=Cause.RETIREMENT, cashback_id=cashback.id
        ),
        Posting(debit=cost, credit=approved, amount=cashback.amount, cause=Cause.RECONVERSION, cashback_id=cashback.id),
        *([owed(cashback.user_id, cashback.programme_id, again, cashback_id=cashback.id)] if again else []),
    ]


def reverted(cashback: Requested) -> Posting:
    """Move a user's tokens from where an outcome had left them, which is void, to the ones in flight."""
    held = AccountKind.STUCK if cashback.state is State.STUCK else AccountKind.MINTED
    return _move(cashback, held, AccountKind.IN_FLIGHT, Cause.REVERT)


def _converted(cashback: Payable) -> Posting:
    """Move a cashback's approved money to what was turned into tokens."""
    return Posting(
        debit=Account(cashback.user_id, AccountKind.APPROVED, cashback.currency),
        credit=Account(cashback.programme_id, AccountKind.FX, cashback.currency),
        amount=cashback.amount,
        cause=Cause.CONVERSION,
        cashback_id=cashback.id,
    )


def _move(cashback: Requested, debit: AccountKind, credit: AccountKind, cause: Cause) -> Posting:
    """Return the posting of a whole cashback between two token accounts of its user."""
    return Posting(
        debit=Account(cashback.user_id, debit, TOKEN_SYMBOL),
        credit=Account(cashback.user_id, credit, TOKEN_SYMBOL),
        amount=cashback.token_units,
        cause=cause,
        cashback_id=cashback.id,
    )
