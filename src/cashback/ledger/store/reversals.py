"""Cashbacks whose purchases are returned: shrunk, reversed, or netted against what their users owe for it."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import Payable, RefundPolicy, Reversed, Reversible, State, WriteOff


async def lock(tx: Tx, purchase_ids: Sequence[str]) -> list[Reversible]:
    """Return the cashbacks of those purchases, locked in the order in which everybody locks them."""
    cursor = await tx.execute(
        """
        select id
        from ledger.cashback_ledger
        where purchase_id = any(%(purchases)b::text[])
        order by position
        for no key update
        """,
        {"purchases": list(purchase_ids)},
    )
    return await _locked(tx, [row[0] for row in await cursor.fetchall()])


async def lock_one(tx: Tx, cashback_id: str) -> Reversible | None:
    """Return a cashback, locked; None when there is none."""
    await hold(tx, cashback_id)
    found = await _locked(tx, [cashback_id])
    return found[0] if found else None


async def hold(tx: Tx, cashback_id: str) -> None:
    """Have everybody who changes a cashback wait until `tx` ends."""
    await tx.execute(
        """
        select
        from ledger.cashback_ledger
        where id = %(id)s
        for no key update
        """,
        {"id": cashback_id},
    )


async def apply(tx: Tx, changes: Sequence[Reversed], causes: Sequence[str], *, actor: str, at: datetime) -> int:
    """Store what refunds have left of locked cashbacks and note their steps, each with its cause; return how many."""
    cursor = await tx.execute(
        """
        with given as (
            select *
            from unnest(
                %(ids)b::text[], %(before)b::text[], %(states)b::text[], %(nets)b::bigint[], %(payables)b::bigint[],
                %(units)b::bigint[], %(debts)b::bigint[], %(returned)b::bytea[], %(debited)b::bigint[],
                %(causes)b::text[]
            ) as given (id, before, state, net_minor, payable_minor, payable_units, debt, returned, debited, cause)
        ),
        changed as (
            update ledger.cashback_ledger as cashback
            set state = given.state,
                net_minor = given.net_minor,
                payable_minor = given.payable_minor,
                payable_units = given.payable_units,
                debt_units = cashback.debt_units + given.debt,
                returned = given.returned,
                debited_minor = given.debited
            from given
            where cashback.id = given.id
              and cashback.state = given.before
            returning cashback.id, given.before, given.state, given.cause
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, before, state, %(actor)s, cause, %(at)s
            from changed
            where before <> state
        )
        select count(*)
        from changed
        """,
        {
            "ids": [change.cashback.id for change in changes],
            "before": [change.cashback.state.value for change in changes],
            "states": [change.state.value for change in changes],
            "nets": [change.net for change in changes],
            "payables": [change.payable for change in changes],
            "units": [change.payable_units for change in changes],
            "debts": [change.debt for change in changes],
            "returned": [change.returned for change in changes],
            "debited": [change.debited for change in changes],
            "causes": list(causes),
            "actor": actor,
            "at": at,
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def mark_netted(tx: Tx, cashbacks: Sequence[Payable], *, actor: str, cause: str, at: datetime) -> int:
    """Keep all tokens of each against its user's debt, and return how many were approved until now."""
    cursor = await tx.execute(
        """
        with netted as (
            update ledger.cashback_ledger
            set state = 'netted',
                netted_units = payable_units
            where id = any(%(ids)b::text[])
              and state = 'approved'
            returning id
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, 'approved', 'netted', %(actor)s, %(cause)s, %(at)s
            from netted
        )
        select count(*)
        from netted
        """,
        {"ids": [cashback.id for cashback in cashbacks], "actor": actor, "cause": cause, "at": at},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def mark_reversed(tx: Tx, cashback_ids: Sequence[str], *, actor: str, cause: str, at: datetime) -> int:
    """Mark those minted cashbacks of which refunds have left nothing; return how many they are."""
    cursor = await tx.execute(
        """
        with reversed as (
            update ledger.cashback_ledger
            set state = 'reversed'
            where id = any(%(ids)b::text[])
              and state = 'minted'
              and net_minor = 0
            returning id
        )
        insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
        select id, 'minted', 'reversed', %(actor)s, %(cause)s, %(at)s
        from reversed
        """,
        {"ids": list(cashback_ids), "actor": actor, "cause": cause, "at": at},
    )
    return cursor.rowcount


async def insert_write_offs(tx: Tx, write_offs: Sequence[WriteOff], *, at: datetime) -> None:
    """Keep who gave up which debt, and why."""
    await tx.execute(
        """
        insert into ledger.write_offs (user_id, programme_id, token_units, person, reason, at)
        select user_id, programme_id, token_units, person, reason, %(at)s
        from unnest(%(users)b::text[], %(programmes)b::text[], %(units)b::bigint[], %(persons)b::text[],
                    %(reasons)b::text[])
            with ordinality as given (user_id, programme_id, token_units, person, reason, place)
        order by place
        """,
        {
            "users": [one.user_id for one in write_offs],
            "programmes": [one.programme_id for one in write_offs],
            "units": [one.token_units for one in write_offs],
            "persons": [one.person for one in write_offs],
            "reasons": [one.reason for one in write_offs],
            "at": at,
        },
    )


async def _locked(tx: Tx, cashback_ids: Sequence[str]) -> list[Reversible]:
    """Return cashbacks that are locked, by position.

    A statement that waits for a row sees all others as they were before: what stands beside the cashback, like a number
    that it has given up since, is asked once it is locked.
    """
    cursor = await tx.execute(
        """
        select cashback.id, purchase_id, user_id, programme_id, cashback.currency, net_minor, payable_minor,
               payable_units, state, grants, returned,
               mint_number is not null or exists (
                   select
                   from ledger.retired_numbers as retired
                   where retired.cashback_id = cashback.id),
               coalesce((select refund_policy from ledger.programmes where id = programme_id), 'net_future'),
               traceparent, debited_minor
        from ledger.cashback_ledger as cashback
        where cashback.id = any(%(ids)b::text[])
        order by position
        """,
        {"ids": list(cashback_ids)},
    )
    return [_reversible(row) for row in await cursor.fetchall()]


def _reversible(row: TupleRow) -> Reversible:
    """Return one row as a cashback."""
    return Reversible(
        id=row[0],
        purchase_id=row[1],
        user_id=row[2],
        programme_id=row[3],
        currency=row[4],
        net=Minor(row[5]),
        payable=Minor(row[6]),
        payable_units=TokenUnits(row[7]),
        state=State(row[8]),
        grants=row[9],
        returned=row[10],
        was_requested=row[11],
        policy=RefundPolicy(row[12]),
        traceparent=row[13],
        debited=Minor(row[14]),
    )
