"""Texts that wallets are asked to sign; each is good for one proof."""

from datetime import datetime

from cashback.kernel.db import Tx
from cashback.purchases.model.ownership import Challenge


async def insert(tx: Tx, challenge: Challenge, *, by_key: str | None) -> None:
    """Store a challenge, with the API key that asked for it."""
    await tx.execute(
        """
        insert into purchases.wallet_challenges (nonce, user_id, address, message, domain, chain_id, by_key, issued_at,
                                                 expires_at)
        values (%(nonce)s, %(user)s, %(address)s, %(message)s, %(domain)s, %(chain_id)s, %(by_key)s, %(issued_at)s,
                %(expires_at)s)
        """,
        {
            "nonce": challenge.nonce,
            "user": challenge.user_id,
            "address": challenge.wallet,
            "message": challenge.message,
            "domain": challenge.domain,
            "chain_id": challenge.chain_id,
            "by_key": by_key,
            "issued_at": challenge.issued_at,
            "expires_at": challenge.expires_at,
        },
    )


async def count_open(tx: Tx, user_id: str, *, now: datetime) -> int:
    """Return how many challenges of a user may still be answered."""
    cursor = await tx.execute(
        """
        select count(*)
        from purchases.wallet_challenges
        where user_id = %(user)s
          and used_at is null
          and expires_at > %(now)s
        """,
        {"user": user_id, "now": now},
    )
    [(found,)] = await cursor.fetchall()
    return int(found)


async def read(tx: Tx, nonce: str) -> Challenge | None:
    """Return one challenge, or None when there is none."""
    cursor = await tx.execute(
        """
        select nonce, user_id, address, message, domain, chain_id, issued_at, expires_at, used_at
        from purchases.wallet_challenges
        where nonce = %(nonce)s
        """,
        {"nonce": nonce},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return Challenge(
        nonce=row[0],
        user_id=row[1],
        wallet=row[2],
        message=row[3],
        domain=row[4],
        chain_id=row[5],
        issued_at=row[6],
        expires_at=row[7],
        used_at=row[8],
    )


async def use(tx: Tx, nonce: str, *, signed_by: str, signature: bytes, at: datetime) -> bool:
    """Note that a challenge was answered, by what; False when it was before, or has ended by now."""
    cursor = await tx.execute(
        """
        update purchases.wallet_challenges
        set used_at = %(at)s,
            signed_by = %(signed_by)s,
            signature = %(signature)s
        where nonce = %(nonce)s
          and used_at is null
          and expires_at > %(at)s
        """,
        {"nonce": nonce, "signed_by": signed_by, "signature": signature, "at": at},
    )
    return cursor.rowcount == 1


async def forget(tx: Tx, *, now: datetime, limit: int) -> int:
    """Forget challenges that nobody has answered and that ended a day ago, and return how many."""
    cursor = await tx.execute(
        """
        select purchases.forget_challenges(%(now)s, %(limit)s)
        """,
        {"now": now, "limit": limit},
    )
    [(forgotten,)] = await cursor.fetchall()
    return int(forgotten)
