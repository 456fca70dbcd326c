"""Whose wallet is whose: how many users have one, how many may, and that it is forgotten."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model import State

STRIPES: Final = 256
"""Wallets share so many locks: a batch takes no more of them, however many wallets it names."""

COUNTED_MAX: Final = 1_000
"""More than any programme lets share a wallet: counting ends there."""


async def lock_wallets(tx: Tx, wallets: Sequence[str]) -> None:
    """Have nobody else link these wallets to anybody until `tx` ends; whoever is linking one is waited for."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtext('ledger:wallets'), stripe)
        from (
            select distinct hashtext(wallet) & %(last_stripe)s as stripe
            from unnest(%(wallets)b::text[]) as wallet
            order by stripe
        ) as concerned
        """,
        {"wallets": list(wallets), "last_stripe": STRIPES - 1},
    )


async def sharing(tx: Tx, pairs: Sequence[tuple[str | None, str]]) -> list[tuple[int, bool]]:
    """Return for each pair of user and wallet how many others have it, and whether the user has it; None is nobody yet.

    Others are counted up to `COUNTED_MAX`.
    """
    cursor = await tx.execute(
        """
        select others.counted,
               exists (
                   select
                   from ledger.recipients
                   where user_id = given.user_id
                     and wallet = given.wallet
               )
        from unnest(%(users)b::text[], %(wallets)b::text[]) with ordinality as given (user_id, wallet, place)
        cross join lateral (
            select count(*) as counted
            from (
                select
                from ledger.recipients
                where wallet = given.wallet
                  and user_id is distinct from given.user_id
                limit %(most)s
            ) as found
        ) as others
        order by given.place
        """,
        {"users": [user for user, _ in pairs], "wallets": [wallet for _, wallet in pairs], "most": COUNTED_MAX},
    )
    return [(int(row[0]), bool(row[1])) for row in await cursor.fetchall()]


async def users_per_wallet(tx: Tx) -> int:
    """Return how many users may have one wallet: as many as the most generous programme in force lets, at least one."""
    cursor = await tx.execute(
        """
        select coalesce(max(users_per_wallet), 1)
        from ledger.programmes
        where ended_at is null
        """
    )
    [(most,)] = await cursor.fetchall()
    return int(most)


async def is_linked(tx: Tx, user_id: str) -> bool:
    """Tell whether a user has a wallet."""
    cursor = await tx.execute(
        """
        select exists (
            select
            from ledger.recipients
            where user_id = %(user)s)
        """,
        {"user": user_id},
    )
    [(found,)] = await cursor.fetchall()
    return bool(found)


async def lock_cashbacks(tx: Tx, user_id: str, states: Sequence[State]) -> list[State]:
    """Return how a user's cashbacks in these states stand once nobody else moves them, locked until `tx` ends."""
    cursor = await tx.execute(
        """
        select state
        from ledger.cashback_ledger
        where user_id = %(user)s
          and state = any(%(states)b::text[])
        order by position
        for update
        """,
        {"user": user_id, "states": [state.value for state in states]},
    )
    return [State(row[0]) for row in await cursor.fetchall()]


async def unlink(tx: Tx, user_id: str) -> bool:
    """Forget a user's wallet, and tell whether there was one."""
    cursor = await tx.execute(
        """
        select ledger.unlink_wallet(%(user)s)
        """,
        {"user": user_id},
    )
    [(was_linked,)] = await cursor.fetchall()
    return bool(was_linked)
