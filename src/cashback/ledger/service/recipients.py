"""Where cashback goes: to the wallet that a user has now; of how many users one may be, and how one is forgotten."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model import State
from cashback.ledger.model.recipients import Sharing
from cashback.ledger.store import accruals
from cashback.ledger.store import recipients as store

UNDER_WAY: Final = (State.MINT_REQUESTED, State.STUCK)
"""What may be published again, with the wallet that it goes to, until it is decided."""


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


async def hold_requests(tx: Tx, user_id: str) -> int:
    """Return how many mints of a user are under way or stuck; what else is approved stays so until `tx` ends.

    To be called before any key is locked, as everybody locks cashbacks. A request that has locked its cashback is
    waited for; one that has chosen the wallet, and does so in this very instant, is as one of before.
    """
    states = (*UNDER_WAY, State.APPROVED) if await store.is_linked(tx, user_id) else UNDER_WAY
    return sum(state in UNDER_WAY for state in await store.lock_cashbacks(tx, user_id, states))


async def unlink_wallet(tx: Tx, user_id: str) -> bool:
    """Send a user's cashback nowhere from now on, and tell whether it went anywhere; what waits expires as it would.

    Calling it again changes nothing.
    """
    return await store.unlink(tx, user_id)
