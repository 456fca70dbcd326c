"""Moving money and tokens between accounts, set-based.

What postings change is computed before anything is locked; one statement locks, adds it to what the accounts hold, and
stores. Whoever decides by what they hold locks them first (`hold`) and stores by a second statement (`post_held`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from cashback.kernel.db import Tx
from cashback.ledger.model import Account, BooksMoved, Posting
from cashback.ledger.rules import changed_by, transfers
from cashback.ledger.store import books
from cashback.ledger.store.books import Moves

Held: TypeAlias = dict[Account, tuple[int, int]]
"""Accounts that are locked: number and balance of each."""


async def post(tx: Tx, postings: Sequence[Posting], *, at: datetime) -> None:
    """Post everything at once, opening accounts that are missing; every account stays locked until `tx` ends.

    Nearly always all are there and hold enough: then one statement does it all. Where it stores nothing instead, the
    accounts are opened, or it is found out which of them does not hold what.

    Raises:
        Overdrawn: an account does not hold what is taken out of it.
        BooksMoved: a balance changed under its lock.
    """
    if not postings:
        return
    found = changed_by(postings)
    moved = await books.post_at_once(tx, postings, found, at=at)
    if moved is None:
        await post_held(tx, await hold(tx, accounts_of(postings)), postings, at=at)
    elif moved != len(found.sums):
        raise BooksMoved(f"{len(found.sums) - moved} of {len(found.sums)} locked accounts moved")


def accounts_of(postings: Sequence[Posting]) -> list[Account]:
    """Return the accounts that postings move, sorted."""
    return sorted({account for posting in postings for account in (posting.debit, posting.credit)})


async def hold(tx: Tx, accounts: Sequence[Account]) -> Held:
    """Return number and balance of every account, locked until `tx` ends; those that are missing are opened.

    All are opened before any is locked: whoever held one and then waited for the opener of another could wait for ever.
    Nearly always all are there: that is found out by the statement that locks them, which then locks all or none.

    Raises:
        BooksMoved: an account went away.
    """
    held = await books.lock(tx, accounts)
    if held is None:
        await books.open_accounts(tx, await books.missing(tx, accounts))
        held = await books.lock(tx, accounts)
    if held is None:
        raise BooksMoved("an account that was opened is not there")
    return held


async def post_held(tx: Tx, held: Held, postings: Sequence[Posting], *, at: datetime) -> None:
    """Post everything at once between accounts that are held; those that nothing moves stay as they are.

    Raises:
        Overdrawn: an account does not hold what is taken out of it.
        BooksMoved: a balance changed under its lock.
    """
    if postings:
        moves = moves_of(held, postings)
        hold_to(moves, await books.post(tx, moves, at=at))


def moves_of(held: Held, postings: Sequence[Posting]) -> Moves:
    """Return what postings come to on accounts that are held.

    Raises:
        Overdrawn: an account does not hold what is taken out of it.
    """
    moved = dict.fromkeys(account for posting in postings for account in (posting.debit, posting.credit))
    numbers = {account: held[account][0] for account in moved}
    before = {account: held[account][1] for account in numbers}
    done, after = transfers(before, postings)
    return Moves(numbers=numbers, before=before, after=after, transfers=done)


def hold_to(moves: Moves, moved: int) -> None:
    """Have so many balances moved be all of them.

    Raises:
        BooksMoved: a balance changed under its lock.
    """
    if moved != len(moves.numbers):
        raise BooksMoved(f"{len(moves.numbers) - moved} of {len(moves.numbers)} locked accounts moved")
