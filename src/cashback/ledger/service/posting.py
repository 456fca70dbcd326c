"""Moving money and tokens between accounts, set-based: lock, compute, store."""

from collections.abc import Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.ledger.model import Account, BooksMoved, Posting
from cashback.ledger.rules import transfers
from cashback.ledger.store import books


async def post(tx: Tx, postings: Sequence[Posting], *, at: datetime) -> None:
    """Post everything at once, opening accounts that are missing; every account stays locked until `tx` ends.

    Raises:
        Overdrawn: an account does not hold what is taken out of it.
        BooksMoved: a balance changed under its lock.
    """
    if not postings:
        return
    accounts = sorted({account for posting in postings for account in (posting.debit, posting.credit)})
    held = await _lock(tx, accounts)
    before = {account: balance for account, (_, balance) in held.items()}
    done, after = transfers(before, postings)
    numbers = {account: number for account, (number, _) in held.items()}
    unmoved = await books.post(tx, numbers=numbers, before=before, after=after, transfers=done, at=at)
    if unmoved != len(held):
        raise BooksMoved(f"{len(held) - unmoved} of {len(held)} locked accounts moved")


async def hold(tx: Tx, accounts: Sequence[Account]) -> dict[Account, int]:
    """Return what those accounts that exist hold, locked until `tx` ends.

    For whoever decides by a balance what to post: name every account of the posting too, so that all are locked in
    their order.
    """
    return {account: balance for account, (_, balance) in (await books.lock(tx, accounts)).items()}


async def _lock(tx: Tx, accounts: Sequence[Account]) -> dict[Account, tuple[int, int]]:
    """Return number and balance of every account, locked; most exist, so opening is the exception."""
    held = await books.lock(tx, accounts)
    missing = [account for account in accounts if account not in held]
    if missing:
        await books.open_accounts(tx, missing)
        held |= await books.lock(tx, missing)
    return held
