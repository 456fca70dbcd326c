"""Which wallet each user has and had, and the changes that were asked for; the one that is open waits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.db import Tx
from cashback.purchases.model.ownership import Ended, WalletChange, WalletProof, WalletStanding

_CHANGE: Final = """
    change.id, change.user_id, change.address, change.proof, change.person, change.reason, change.asked_at,
    change.effective_at, change.ended_at, change.ended_as, change.ended_person, change.ended_reason
"""


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet that a user has from now on, and how that is known."""

    user_id: str
    wallet: str
    proof: WalletProof = WalletProof.OPERATOR


async def link(tx: Tx, wallets: Sequence[Linked], *, at: datetime) -> None:
    """Note wallets in order: a user's last one is in use from now on."""
    await tx.execute(
        """
        insert into purchases.wallets (user_id, address, proof, linked_at)
        select user_id, address, proof, %(at)s
        from unnest(%(users)b::text[], %(addresses)b::text[], %(proofs)b::text[])
            with ordinality as given (user_id, address, proof, place)
        order by place
        """,
        {
            "users": [one.user_id for one in wallets],
            "addresses": [one.wallet for one in wallets],
            "proofs": [one.proof.value for one in wallets],
            "at": at,
        },
    )


async def standings(tx: Tx, user_ids: Sequence[str]) -> dict[str, WalletStanding]:
    """Return how it stands with the wallets of those users that exist."""
    cursor = await tx.execute(
        f"""
        select users.id, wallet.address, wallet.proof, exists (
            select
            from purchases.wallet_changes
            where user_id = users.id
              and proof = 'eip4361'
              and ended_as is distinct from 'cancelled'
        ), users.erased_at is not null, {_CHANGE}
        from purchases.users
        left join lateral (
            select address, proof
            from purchases.wallets
            where user_id = users.id
            order by position desc
            limit 1
        ) as wallet on true
        left join purchases.wallet_changes as change on change.user_id = users.id and change.ended_at is null
        where users.id = any(%(ids)b::text[])
        """,
        {"ids": list(user_ids)},
    )
    return {
        row[0]: WalletStanding(
            wallet=row[1],
            proof=None if row[2] is None else WalletProof(row[2]),
            was_proved=row[3],
            is_erased=row[4],
            waiting=None if row[5] is None else _change(row[5:]),
        )
        for row in await cursor.fetchall()
    }


async def wanted_by_others(tx: Tx, pairs: Sequence[tuple[str | None, str]]) -> list[int]:
    """Return for each pair of user and wallet how many others wait to have it; None is a user who is yet to be."""
    cursor = await tx.execute(
        """
        select (
            select count(*)
            from purchases.wallet_changes
            where address = given.address
              and ended_at is null
              and user_id is distinct from given.user_id
        )
        from unnest(%(users)b::text[], %(addresses)b::text[]) with ordinality as given (user_id, address, place)
        order by given.place
        """,
        {"users": [user for user, _ in pairs], "addresses": [wallet for _, wallet in pairs]},
    )
    return [int(row[0]) for row in await cursor.fetchall()]


async def insert(tx: Tx, changes: Sequence[WalletChange], nonces: Sequence[str | None]) -> None:
    """Store changes, each with the nonce that it was proved by, in order; of each user one may be open."""
    await tx.execute(
        """
        insert into purchases.wallet_changes (id, user_id, address, proof, nonce, person, reason, asked_at,
                                              effective_at, ended_at, ended_as)
        select id, user_id, address, proof, nonce, person, reason, asked_at, effective_at, ended_at, ended_as
        from unnest(%(ids)b::text[], %(users)b::text[], %(addresses)b::text[], %(proofs)b::text[], %(nonces)b::text[],
                    %(persons)b::text[], %(reasons)b::text[], %(asked)b::timestamptz[], %(effective)b::timestamptz[],
                    %(ended)b::timestamptz[], %(endings)b::text[])
            with ordinality as given (id, user_id, address, proof, nonce, person, reason, asked_at, effective_at,
                                      ended_at, ended_as, place)
        order by place
        """,
        {
            "ids": [change.id for change in changes],
            "users": [change.user_id for change in changes],
            "addresses": [change.wallet for change in changes],
            "proofs": [change.proof.value for change in changes],
            "nonces": list(nonces),
            "persons": [change.person for change in changes],
            "reasons": [change.reason for change in changes],
            "asked": [change.asked_at for change in changes],
            "effective": [change.effective_at for change in changes],
            "ended": [change.ended_at for change in changes],
            "endings": [None if change.ended_as is None else change.ended_as.value for change in changes],
        },
    )


async def end(tx: Tx, change_ids: Sequence[str], *, as_: Ended, at: datetime) -> None:
    """End those of these changes that are open; what ended before stays as it ended."""
    await tx.execute(
        """
        update purchases.wallet_changes
        set ended_at = %(at)s,
            ended_as = %(as)s
        where id = any(%(ids)b::text[])
          and ended_at is null
        """,
        {"ids": list(change_ids), "as": as_.value, "at": at},
    )


async def cancel(tx: Tx, change_id: str, *, person: str, reason: str, at: datetime) -> None:
    """End a change that is open, in a person's name."""
    await tx.execute(
        """
        update purchases.wallet_changes
        set ended_at = %(at)s,
            ended_as = 'cancelled',
            ended_person = %(person)s,
            ended_reason = %(reason)s
        where id = %(id)s
          and ended_at is null
        """,
        {"id": change_id, "person": person, "reason": reason, "at": at},
    )


async def read(tx: Tx, change_ids: Sequence[str]) -> dict[str, WalletChange]:
    """Return those of these changes that there are."""
    cursor = await tx.execute(
        f"""
        select {_CHANGE}
        from purchases.wallet_changes as change
        where change.id = any(%(ids)b::text[])
        """,
        {"ids": list(change_ids)},
    )
    return {row[0]: _change(row) for row in await cursor.fetchall()}


async def page(tx: Tx, user_id: str, *, before: int, limit: int) -> dict[int, WalletChange]:
    """Return changes of a user's wallet below a position, by position, newest first."""
    cursor = await tx.execute(
        f"""
        select {_CHANGE}, change.position
        from purchases.wallet_changes as change
        where change.user_id = %(user)s
          and change.position < %(before)s
        order by change.position desc
        limit %(limit)s
        """,
        {"user": user_id, "before": before, "limit": limit},
    )
    return {row[-1]: _change(row) for row in await cursor.fetchall()}


async def take_turn(tx: Tx) -> bool:
    """Have no other process apply what is due until `tx` ends; False when one is at it."""
    cursor = await tx.execute("select pg_try_advisory_xact_lock(hashtextextended('purchases.wallet_changes', 0))")
    [(is_ours,)] = await cursor.fetchall()
    return bool(is_ours)


async def due(tx: Tx, *, now: datetime, limit: int, but: Sequence[str] = ()) -> list[WalletChange]:
    """Return open changes that are to take effect by now, but for some, those that waited longest first."""
    cursor = await tx.execute(
        f"""
        select {_CHANGE}
        from purchases.wallet_changes as change
        where change.ended_at is null
          and change.effective_at <= %(now)s
          and change.id <> all(%(but)b::text[])
        order by change.effective_at, change.id
        limit %(limit)s
        """,
        {"now": now, "limit": limit, "but": list(but)},
    )
    return [_change(row) for row in await cursor.fetchall()]


def _change(row: tuple[Any, ...]) -> WalletChange:
    """Return the change of a row that begins with `_CHANGE`."""
    return WalletChange(
        id=row[0],
        user_id=row[1],
        wallet=row[2],
        proof=WalletProof(row[3]),
        person=row[4],
        reason=row[5],
        asked_at=row[6],
        effective_at=row[7],
        ended_at=row[8],
        ended_as=None if row[9] is None else Ended(row[9]),
        ended_person=row[10],
        ended_reason=row[11],
    )
