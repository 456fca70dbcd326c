"""What makes a user a person: erased by the one function that may, and who had it told or erased."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from cashback.kernel.db import Tx
from cashback.purchases.model.ownership import ChallengeAnswer
from cashback.purchases.model.privacy import Asker, Disclosed, Disclosure, Erasure, OwnedMerchant


class Erased(msgspec.Struct, frozen=True):
    """Whether there is such a user, and whether it is news that there is nothing about them."""

    is_known: bool
    is_news: bool


async def erase(tx: Tx, erasure: Erasure, *, at: datetime, deeds: Sequence[str]) -> Erased:
    """Erase what made a user a person, with the answers of commands called so; doing it again finds what is new."""
    cursor = await tx.execute(
        """
        select is_known, is_news
        from purchases.erase_user(%(user)s, %(person)s, %(reason)s, %(at)s, %(deeds)b::text[])
        """,
        {"user": erasure.user_id, "person": erasure.person, "reason": erasure.reason, "at": at, "deeds": list(deeds)},
    )
    [row] = await cursor.fetchall()
    return Erased(*row)


async def note(tx: Tx, user_id: str, what: Disclosed, asker: Asker, *, at: datetime) -> None:
    """Note that a user's data was told or erased, for good."""
    # 00-TRACE-SPAN-FLAGS (W3C Trace Context).
    trace = None if asker.traceparent is None else asker.traceparent.split("-")[1]
    await tx.execute(
        """
        insert into purchases.disclosures (at, key_id, what, user_id, trace)
        values (%(at)s, %(key)s, %(what)s, %(user)s, %(trace)s)
        """,
        {"at": at, "key": asker.key_id, "what": what.value, "user": user_id, "trace": trace},
    )


async def disclosures(tx: Tx, user_id: str, *, behind: int, limit: int) -> dict[int, Disclosure]:
    """Return the next of what was noted of a user behind a position, by position, the first ones first."""
    cursor = await tx.execute(
        """
        select position, at, what, key_id, trace
        from purchases.disclosures
        where user_id = %(user)s
          and position > %(behind)s
        order by position
        limit %(limit)s
        """,
        {"user": user_id, "behind": behind, "limit": limit},
    )
    return {
        row[0]: Disclosure(at=row[1], what=Disclosed(row[2]), key_id=row[3], trace_id=row[4])
        for row in await cursor.fetchall()
    }


async def challenges(tx: Tx, user_id: str, *, behind: tuple[datetime, str] | None, limit: int) -> list[ChallengeAnswer]:
    """Return the next challenges of a user behind an instant and a nonce, the first ones first."""
    cursor = await tx.execute(
        """
        select nonce, user_id, address, message, chain_id, issued_at, expires_at
        from purchases.wallet_challenges
        where user_id = %(user)s
          and issued_at >= coalesce(%(at)s::timestamptz, '-infinity')
          and (issued_at, nonce) > (coalesce(%(at)s::timestamptz, '-infinity'), coalesce(%(nonce)s, ''))
        order by issued_at, nonce
        limit %(limit)s
        """,
        {
            "user": user_id,
            "at": None if behind is None else behind[0],
            "nonce": None if behind is None else behind[1],
            "limit": limit,
        },
    )
    return [
        ChallengeAnswer(
            nonce=row[0],
            user_id=row[1],
            wallet=row[2],
            message=row[3],
            chain_id=row[4],
            issued_at=row[5],
            expires_at=row[6],
        )
        for row in await cursor.fetchall()
    ]


async def owned(tx: Tx, user_id: str, *, behind: str, limit: int) -> list[OwnedMerchant]:
    """Return the next merchants that a user owns behind an id, by id."""
    cursor = await tx.execute(
        """
        select id, name
        from purchases.merchants
        where owners @> array[%(user)s::text]
          and id > %(behind)s
        order by id
        limit %(limit)s
        """,
        {"user": user_id, "behind": behind, "limit": limit},
    )
    return [OwnedMerchant(id=row[0], name=row[1]) for row in await cursor.fetchall()]


async def refunds(
    tx: Tx, purchase_ids: Sequence[str], *, behind: tuple[str, int], limit: int
) -> list[tuple[str, int, bytes]]:
    """Return the next refunds of purchases behind one of these: purchase, position, and how it was answered."""
    cursor = await tx.execute(
        """
        select purchase_id, position, answer
        from purchases.refunds
        where purchase_id = any(%(ids)b::text[])
          and (purchase_id, position) > (%(purchase)s, %(position)s)
        order by purchase_id, position
        limit %(limit)s
        """,
        {"ids": list(purchase_ids), "purchase": behind[0], "position": behind[1], "limit": limit},
    )
    return await cursor.fetchall()
