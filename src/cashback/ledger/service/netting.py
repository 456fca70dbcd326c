"""Keeping back what users owe from what is about to be requested for them: never the same debt twice.

Whoever is in debt has a row in the books; it is locked together with every other account of the request, in order,
before it is decided how much is kept. Debt that is raised meanwhile is kept from the next request.
"""

from collections.abc import Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.kernel.money import TOKEN_SYMBOL, TokenUnits
from cashback.ledger.model import Account, AccountKind, BooksMoved, Payable
from cashback.ledger.rules import debt_of, keep_back, netted_whole
from cashback.ledger.service.posting import hold, post
from cashback.ledger.store import debts, reversals


async def keep_debts(tx: Tx, payables: Sequence[Payable], *, actor: str, cause: str, at: datetime) -> list[Payable]:
    """Return those cashbacks of which tokens are left once their users' debts are kept back, and how much is kept.

    They are locked, approved, and in the order in which those of a user pay. What is kept of them is posted with their
    request; those of which nothing is left are netted, with all that follows.

    Raises:
        BooksMoved: one of them was not approved.
    """
    owing = await debts.owing(tx, sorted({payable.user_id for payable in payables}))
    if not owing:
        return list(payables)
    held = await hold(tx, _accounts(payables, owing))
    owed = {user: -held[debt_of(user)][1] for user in owing}
    kept = keep_back([(payable.user_id, payable.token_units) for payable in payables], owed)
    changed = [payable.less(TokenUnits(units)) for payable, units in zip(payables, kept, strict=True)]
    whole = [payable for payable in changed if payable.token_units == 0]
    if whole:
        if await reversals.mark_netted(tx, whole, actor=actor, cause=cause, at=at) != len(whole):
            raise BooksMoved("a cashback moved under its lock")
        await post(tx, [posting for payable in whole for posting in netted_whole(payable)], at=at)
    return [payable for payable in changed if payable.token_units]


def _accounts(payables: Sequence[Payable], owing: Sequence[str]) -> list[Account]:
    """Return every account that requests or nettings of these may move."""
    accounts = {debt_of(user) for user in owing}
    for payable in payables:
        accounts |= {
            Account(payable.user_id, AccountKind.APPROVED, payable.currency),
            Account(payable.programme_id, AccountKind.FX, payable.currency),
            Account(payable.programme_id, AccountKind.FX, TOKEN_SYMBOL),
            Account(payable.user_id, AccountKind.IN_FLIGHT, TOKEN_SYMBOL),
        }
    return sorted(accounts)
