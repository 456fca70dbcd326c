"""Which reconciliation's figures the books take, and what moves the accounts of the chain there."""

from collections.abc import Mapping, Sequence
from typing import Final

from cashback.kernel.money import TOKEN_SYMBOL
from cashback.ledger.model import Account, AccountKind, Cause, Posting
from cashback.ledger.model.supply import Supply, SupplyTooLarge

CHAIN: Final = "chain"
ISSUED: Final = Account(CHAIN, AccountKind.ISSUED, TOKEN_SYMBOL)
SUPPLY: Final = Account(CHAIN, AccountKind.SUPPLY, TOKEN_SYMBOL)
BURNED: Final = Account(CHAIN, AccountKind.BURNED, TOKEN_SYMBOL)
UNEXPLAINED: Final = Account(CHAIN, AccountKind.UNEXPLAINED, TOKEN_SYMBOL)
ACCOUNTS: Final = tuple(sorted((ISSUED, SUPPLY, BURNED, UNEXPLAINED)))

_UNITS_MAX: Final = 2**63 - 1


def furthest(runs: Sequence[Supply]) -> Supply | None:
    """Return the run of the highest block, of several there the newest; None when there is none."""
    return max(runs, key=lambda run: (run.at_block, run.reconciliation), default=None)


def goes_back(run: Supply, booked: Supply | None) -> bool:
    """Tell whether booking `run` would go back to a lower block: only a chain that was replaced allows that."""
    return booked is not None and run.at_block < booked.at_block


def supply_postings(run: Supply, balances: Mapping[Account, int]) -> list[Posting]:
    """Return what moves the four accounts from `balances` to what `run` read; nothing when they are there.

    What a chain took back is moved the other way round. The supply rises first, so it never falls below its end.

    Raises:
        SupplyTooLarge: the books cannot count that far.
    """
    if max(run.explained, run.burned, run.total_supply, abs(run.unexplained)) > _UNITS_MAX:
        raise SupplyTooLarge(f"the supply at block {run.at_block} is more than the books can count")
    rises = (
        (ISSUED, run.explained + balances[ISSUED], Cause.ISSUANCE),
        (BURNED, -(run.burned - balances[BURNED]), Cause.BURN),
        (UNEXPLAINED, run.unexplained + balances[UNEXPLAINED], Cause.UNEXPLAINED),
    )
    moves = sorted((move for move in rises if move[1]), key=lambda move: move[1] < 0)
    return [_into_supply(account, units, cause) for account, units, cause in moves]


def _into_supply(account: Account, units: int, cause: Cause) -> Posting:
    """Move so many units from an account to the supply, or back when they are fewer than none."""
    debit, credit = (account, SUPPLY) if units > 0 else (SUPPLY, account)
    return Posting(debit=debit, credit=credit, amount=abs(units), cause=cause)
