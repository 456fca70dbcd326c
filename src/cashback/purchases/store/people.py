"""Users as they stand, and merchants."""

from collections.abc import Sequence

from cashback.kernel.db import Tx
from cashback.purchases.model import Merchant, User


async def insert_users(tx: Tx, users: Sequence[User]) -> None:
    """Store new users, their wallets apart."""
    await tx.execute(
        """
        insert into purchases.users (id, reference, tier, tier_since, is_blocked, created_at)
        select id, reference, tier, tier_since, is_blocked, created_at
        from unnest(%(ids)b::text[], %(references)b::text[], %(tiers)b::text[], %(since)b::timestamptz[],
                    %(blocked)b::boolean[], %(created)b::timestamptz[])
            as given (id, reference, tier, tier_since, is_blocked, created_at)
        """,
        {
            "ids": [user.id for user in users],
            "references": [user.reference for user in users],
            "tiers": [user.tier for user in users],
            "since": [user.tier_since for user in users],
            "blocked": [user.is_blocked for user in users],
            "created": [user.created_at for user in users],
        },
    )


async def lock_users(tx: Tx, user_ids: Sequence[str]) -> None:
    """Have everybody else who changes one of these users wait until `tx` ends; locked in order of id."""
    await tx.execute(
        """
        select
        from purchases.users
        where id = any(%(ids)b::text[])
        order by id
        for no key update
        """,
        {"ids": list(user_ids)},
    )


async def read_users(tx: Tx, user_ids: Sequence[str]) -> dict[str, User]:
    """Return those users that exist, each with the wallet in use, and the one that waits to be."""
    cursor = await tx.execute(
        """
        select users.id, users.reference, wallet.address, users.is_blocked, users.created_at, users.tier,
               users.tier_since, blocked.at, wallet.proof, waiting.address, waiting.effective_at, users.erased_at
        from purchases.users
        left join lateral (
            select address, proof
            from purchases.wallets
            where user_id = users.id
            order by position desc
            limit 1
        ) as wallet on true
        left join lateral (
            select at
            from purchases.user_blocks
            where user_id = users.id
            order by position desc
            limit 1
        ) as blocked on users.is_blocked
        left join purchases.wallet_changes as waiting on waiting.user_id = users.id and waiting.ended_at is null
        where users.id = any(%(ids)b::text[])
        """,
        {"ids": list(user_ids)},
    )
    return {
        row[0]: User(
            id=row[0],
            reference=row[1],
            wallet=row[2],
            is_blocked=row[3],
            created_at=row[4],
            tier=row[5],
            tier_since=row[6],
            blocked_since=row[7],
            wallet_proof=row[8],
            next_wallet=row[9],
            next_wallet_at=row[10],
            erased_at=row[11],
        )
        for row in await cursor.fetchall()
    }


async def read_ids_by_reference(tx: Tx, references: Sequence[str]) -> dict[str, list[str]]:
    """Return the ids of the users that the operator calls so, of each name the oldest user first."""
    cursor = await tx.execute(
        """
        select reference, array_agg(id order by created_at, id)
        from purchases.users
        where reference = any(%(references)b::text[])
        group by reference
        """,
        {"references": list(references)},
    )
    return dict(await cursor.fetchall())


async def insert_merchants(tx: Tx, merchants: Sequence[Merchant]) -> None:
    """Store new merchants."""
    await tx.execute(
        """
        insert into purchases.merchants (id, name, mcc, owners, is_active, created_at)
        select id, name, mcc, string_to_array(owners, ','), is_active, created_at
        from unnest(%(ids)b::text[], %(names)b::text[], %(mccs)b::text[], %(owners)b::text[], %(active)b::boolean[],
                    %(created)b::timestamptz[]) as given (id, name, mcc, owners, is_active, created_at)
        """,
        {
            "ids": [merchant.id for merchant in merchants],
            "names": [merchant.name for merchant in merchants],
            "mccs": [merchant.mcc for merchant in merchants],
            # An array of arrays is a matrix in PostgreSQL; ids hold no comma.
            "owners": [",".join(merchant.owners) for merchant in merchants],
            "active": [merchant.is_active for merchant in merchants],
            "created": [merchant.created_at for merchant in merchants],
        },
    )


async def read_merchant(tx: Tx, merchant_id: str) -> Merchant | None:
    """Return one merchant, or None when there is none."""
    return (await read_merchants(tx, [merchant_id])).get(merchant_id)


async def read_merchants(tx: Tx, merchant_ids: Sequence[str]) -> dict[str, Merchant]:
    """Return those of some merchants that there are, by id."""
    cursor = await tx.execute(
        """
        select id, name, is_active, created_at, mcc, owners, deactivated.at
        from purchases.merchants
        left join lateral (
            select at
            from purchases.merchant_deactivations
            where merchant_id = merchants.id
            order by position desc
            limit 1
        ) as deactivated on not merchants.is_active
        where id = any(%(ids)b::text[])
        """,
        {"ids": list(merchant_ids)},
    )
    return {
        row[0]: Merchant(
            id=row[0],
            name=row[1],
            is_active=row[2],
            created_at=row[3],
            mcc=row[4],
            owners=tuple(row[5]),
            inactive_since=row[6],
        )
        for row in await cursor.fetchall()
    }
