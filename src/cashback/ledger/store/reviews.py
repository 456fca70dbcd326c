"""The queue of what waits for people's verdicts, and the verdicts: append-only, each person once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model.life import NewReview, Review, ReviewItem, Verdict

_QUEUE: Final = """
    select cashback.position, cashback.id, user_id, merchant_id, cashback.currency, payable_minor, payable_units,
           cashback.created_at, case when payable_minor > second_above_minor then 2 else 1 end
    from ledger.cashback_ledger as cashback
    join ledger.programmes as programme on programme.id = cashback.programme_id
    where state = 'review'
"""


async def backlog(tx: Tx) -> tuple[int, datetime | None]:
    """Return how many cashbacks are in review, and since when the oldest of them is; None when there is none."""
    cursor = await tx.execute(
        """
        select count(*), min(created_at)
        from ledger.cashback_ledger
        where state = 'review'
        """
    )
    row = await cursor.fetchone()
    return (0, None) if row is None else (int(row[0]), row[1])


async def page(tx: Tx, *, after_position: int, programme_id: str | None, limit: int) -> list[ReviewItem]:
    """Return what waits for people, oldest first, from the one after that position on; of one programme or of all."""
    cursor = await tx.execute(
        f"""
        {_QUEUE}
          and cashback.position > %(after)s
          and (%(programme)s::text is null or cashback.programme_id = %(programme)s)
        order by cashback.position
        limit %(limit)s
        """,
        {"after": after_position, "programme": programme_id, "limit": limit},
    )
    return await _with_reviews(tx, await cursor.fetchall())


async def waiting(tx: Tx, cashback_id: str) -> ReviewItem | None:
    """Return one cashback that is in review, None when there is none."""
    cursor = await tx.execute(
        f"""
        {_QUEUE}
          and cashback.id = %(id)s
        """,
        {"id": cashback_id},
    )
    found = await _with_reviews(tx, await cursor.fetchall())
    return found[0] if found else None


async def insert(tx: Tx, review: NewReview, *, digest: bytes, at: datetime) -> bool:
    """Store a verdict and return True; False when this person has said theirs, and then nothing is stored.

    `digest` is that of the person's name as it is compared: said at the same time, it is the database that compares.
    """
    cursor = await tx.execute(
        """
        insert into ledger.reviews (cashback_id, verdict, person, person_digest, reason, key_id, at)
        values (%(cashback_id)s, %(verdict)s, %(person)s, %(digest)b, %(reason)s, %(key_id)s, %(at)s)
        on conflict do nothing
        """,
        {
            "cashback_id": review.cashback_id,
            "verdict": review.verdict.value,
            "person": review.person,
            "digest": digest,
            "reason": review.reason,
            "key_id": review.key_id,
            "at": at,
        },
    )
    return cursor.rowcount == 1


async def of_cashbacks(tx: Tx, cashback_ids: Sequence[str]) -> dict[str, tuple[Review, ...]]:
    """Return what was said of each of these, first to last; what nobody spoke of is left out."""
    cursor = await tx.execute(
        """
        select cashback_id, verdict, person, reason, at
        from ledger.reviews
        where cashback_id = any(%(ids)b::text[])
        order by cashback_id, position
        """,
        {"ids": list(cashback_ids)},
    )
    found: dict[str, tuple[Review, ...]] = {}
    for row in await cursor.fetchall():
        review = Review(verdict=Verdict(row[1]), person=row[2], reason=row[3], at=row[4])
        found[row[0]] = (*found.get(row[0], ()), review)
    return found


async def _with_reviews(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> list[ReviewItem]:
    """Return rows of `_QUEUE` with what was said of each."""
    said = await of_cashbacks(tx, [row[1] for row in rows]) if rows else {}
    return [
        ReviewItem(
            position=row[0],
            cashback_id=row[1],
            user_id=row[2],
            merchant_id=row[3],
            currency=row[4],
            amount=Minor(row[5]),
            token_units=TokenUnits(row[6]),
            waiting_since=row[7],
            approvals_needed=row[8],
            reviews=said.get(row[1], ()),
        )
        for row in rows
    ]
