"""What a proof of a cashback is made of."""

from collections.abc import Sequence

from cashback.kernel.db import Tx
from cashback.ledger.model import Leaf, Seal
from cashback.ledger.store.evidence import leaf_of, seal_of


async def transfers_of(tx: Tx, cashback_id: str, *, limit: int) -> list[tuple[int, int | None, tuple[object, ...]]]:
    """Return the positions of a cashback's transfers, each with its leaf's number or None, and what its line shares.

    They are found by the accounts of its user, of which each of them moves one: an index by cashback would be paid for
    by every posting.
    """
    cursor = await tx.execute(
        """
        with account as materialized (
            select account.id
            from ledger.cashback_ledger as cashback
            join ledger.accounts as account on account.owner = cashback.user_id
            where cashback.id = %(id)s
        )
        select position, number, transfer.xact::text, at, effective_at, cause, origin, currency
        from (
            select transfer.*
            from account
            join ledger.transfers as transfer on transfer.debit_account = account.id
            where transfer.cashback_id = %(id)s
            union
            select transfer.*
            from account
            join ledger.transfers as transfer on transfer.credit_account = account.id
            where transfer.cashback_id = %(id)s
        ) as transfer
        left join ledger.leaves as leaf using (position)
        order by position
        limit %(limit)s
        """,
        {"id": cashback_id, "limit": limit},
    )
    return [(row[0], row[1], row[2:]) for row in await cursor.fetchall()]


async def seals_over(tx: Tx, leaves: Sequence[int]) -> list[tuple[int, Seal]]:
    """Return the seal over each of the leaves that is under one, in the order of the leaves."""
    cursor = await tx.execute(
        """
        select given.number, seal.number, first_leaf, last_leaf, root, head, previous, sealed_at
        from unnest(%(numbers)b::bigint[]) as given (number)
        join lateral (
            select *
            from ledger.seals
            where first_leaf <= given.number
            order by first_leaf desc
            limit 1
        ) as seal on last_leaf >= given.number
        order by given.number
        """,
        {"numbers": list(leaves)},
    )
    return [(row[0], seal_of(row[1:])) for row in await cursor.fetchall()]


async def leaves_under(tx: Tx, seal: Seal) -> list[Leaf]:
    """Return the leaves under a seal, in order."""
    cursor = await tx.execute(
        """
        select number, xact::text::bigint, position, bytes, hash
        from ledger.leaves
        where number between %(first)s and %(last)s
        order by number
        """,
        {"first": seal.first_leaf, "last": seal.last_leaf},
    )
    return [leaf_of(row) for row in await cursor.fetchall()]


async def seals_between(tx: Tx, first: int, last: int) -> list[Seal]:
    """Return the seals from one number to another, both included."""
    cursor = await tx.execute(
        """
        select number, first_leaf, last_leaf, root, head, previous, sealed_at
        from ledger.seals
        where number between %(first)s and %(last)s
        order by number
        """,
        {"first": first, "last": last},
    )
    return [seal_of(row) for row in await cursor.fetchall()]
