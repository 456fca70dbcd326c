"""Where cashback goes: to the wallet that a user has now, and of how many users one may be."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.ledger.model.recipients import Sharing
from cashback.ledger.store import accruals
from cashback.ledger.store import recipients as store


async def hold_wallets(tx: Tx, pairs: Sequence[tuple[str | None, str]]) -> list[Sharing]:
    """Return for each pair of user and wallet who shares it; nobody else links one of these until `tx` ends.

    A user who is yet to be is None. To be called before anything else is locked that linkers of wallets share: keys,
    users, changes that wait. All of a transaction's wallets come in one call, so nobody waits in a circle.
    """
    if not pairs:
        return []
    await store.lock_wallets(tx, sorted({wallet for _, wallet in pairs}))
    most = await store.users_per_wallet(tx)
    return [Sharing(others, is_own, most) for others, is_own in await store.sharing(tx, pairs)]


async def link_wallets(tx: Tx, wallets: Mapping[str, str], *, now: datetime) -> None:
    """Send each user's cashback to this wallet from now on; what waited for one is requested by the next sweep.

    Calling it again with the same wallets changes nothing.
    """
    await accruals.upsert_recipients(tx, wallets, at=now)
