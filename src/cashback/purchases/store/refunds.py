"""What is returned of purchases, and what waits for its purchase."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.purchases.model import OPERATOR
from cashback.purchases.model.refunds import NewRefund, ParkedRefund, RefundedPurchase, RefundKind

STRIPES: Final = 2**6
"""Over so many locks the merchants are spread; a refund that is parked holds up at most those that share its own."""

Name: TypeAlias = tuple[str, str]
"""A merchant, and what it calls something."""


async def find(tx: Tx, *, ids: Sequence[str], names: Sequence[Name]) -> list[RefundedPurchase]:
    """Return the purchases of these ids, and those that their merchants call so."""
    cursor = await tx.execute(
        """
        select id, merchant_id, user_id, reference, amount_minor, currency, lines
        from purchases.purchases
        where id = any(%(ids)b::text[])
        union
        select purchase.id, merchant_id, user_id, reference, amount_minor, currency, lines
        from unnest(%(merchants)b::text[], %(references)b::text[]) as named (merchant_id, reference)
        join purchases.purchases as purchase using (merchant_id, reference)
        where is_named
        union
        select purchase.id, merchant_id, user_id, reference, amount_minor, currency, lines
        from unnest(%(merchants)b::text[], %(references)b::text[]) as named (merchant_id, reference)
        join purchases.purchases as purchase using (merchant_id, reference)
        where not is_named
        """,
        {"ids": list(ids), **_named(names)},
    )
    return [
        RefundedPurchase(
            id=row[0],
            merchant_id=row[1],
            user_id=row[2],
            reference=row[3],
            amount_minor=row[4],
            currency=row[5],
            lines=row[6],
        )
        for row in await cursor.fetchall()
    ]


async def close_parking(tx: Tx, merchant_ids: Sequence[str]) -> None:
    """Have nobody record purchases of these merchants until `tx` ends; who is recording one is waited for."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtext('purchases:parking'), stripe)
        from (
            select distinct hashtext(merchant) & %(last_stripe)s as stripe
            from unnest(%(merchants)b::text[]) as merchant
            order by stripe
        ) as concerned
        """,
        {"merchants": list(merchant_ids), "last_stripe": STRIPES - 1},
    )


async def taken(tx: Tx, names: Sequence[Name]) -> dict[Name, str]:
    """Return which of these names stand for a refund already, and its id: of one that was applied, or that is parked.

    One that had waited when another got its name was refused, and stays behind that one.
    """
    cursor = await tx.execute(
        """
        with named as (
            select merchant_id, reference
            from unnest(%(merchants)b::text[], %(references)b::text[]) as named (merchant_id, reference)
        )
        select merchant_id, reference, id, true as is_applied
        from named
        join purchases.refunds using (merchant_id, reference)
        union all
        select merchant_id, reference, id, false
        from named
        join purchases.parked_refunds using (merchant_id, reference)
        order by is_applied
        """,
        _named(names),
    )
    return {(row[0], row[1]): row[2] for row in await cursor.fetchall()}


async def applied(tx: Tx, names: Sequence[Name]) -> set[Name]:
    """Return which of these names stand for a refund that was applied."""
    cursor = await tx.execute(
        """
        select merchant_id, reference
        from unnest(%(merchants)b::text[], %(references)b::text[]) as named (merchant_id, reference)
        join purchases.refunds using (merchant_id, reference)
        """,
        _named(names),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}


async def insert(
    tx: Tx,
    refunds: Sequence[tuple[str, NewRefund, RefundedPurchase]],
    parts: Sequence[bytes | None],
    answers: Sequence[bytes],
    *,
    at: datetime,
) -> None:
    """Store refunds, as (id, refund, purchase), with the documents of their lines and of their answers."""
    await tx.execute(
        """
        insert into purchases.refunds (id, purchase_id, merchant_id, reference, kind, reason, amount_minor, lines,
                                       answer, created_at)
        select id, purchase_id, merchant_id, reference, kind, reason, amount_minor, lines, answer, %(at)s
        from unnest(
            %(ids)b::text[], %(purchases)b::text[], %(merchants)b::text[], %(references)b::text[], %(kinds)b::text[],
            %(reasons)b::text[], %(amounts)b::bigint[], %(lines)b::bytea[], %(answers)b::bytea[]
        ) with ordinality as given (id, purchase_id, merchant_id, reference, kind, reason, amount_minor, lines, answer,
                                    place)
        order by place
        """,
        {
            "ids": [id_ for id_, _, _ in refunds],
            "purchases": [purchase.id for _, _, purchase in refunds],
            "merchants": [purchase.merchant_id for _, _, purchase in refunds],
            "answers": list(answers),
            "at": at,
            **_columns([refund for _, refund, _ in refunds], parts),
        },
    )


async def park(
    tx: Tx, refunds: Sequence[tuple[str, NewRefund]], parts: Sequence[bytes | None], *, at: datetime
) -> None:
    """Store refunds, as (id, refund), that wait for their purchases."""
    await tx.execute(
        """
        insert into purchases.parked_refunds (id, merchant_id, purchase_reference, reference, kind, reason,
                                              amount_minor, lines, traceparent, parked_at)
        select id, merchant_id, purchase_reference, reference, kind, reason, amount_minor, lines, traceparent, %(at)s
        from unnest(
            %(ids)b::text[], %(merchants)b::text[], %(names)b::text[], %(references)b::text[], %(kinds)b::text[],
            %(reasons)b::text[], %(amounts)b::bigint[], %(lines)b::bytea[], %(traces)b::text[]
        ) with ordinality as given (id, merchant_id, purchase_reference, reference, kind, reason, amount_minor, lines,
                                    traceparent, place)
        order by place
        """,
        {
            "ids": [id_ for id_, _ in refunds],
            "merchants": [refund.merchant_id for _, refund in refunds],
            "names": [refund.purchase_reference for _, refund in refunds],
            "traces": [refund.traceparent for _, refund in refunds],
            "at": at,
            **_columns([refund for _, refund in refunds], parts),
        },
    )


async def end_parked(tx: Tx, outcomes: Mapping[str, str], *, at: datetime) -> None:
    """Note what became of refunds that had waited: `applied`, or the code of why they were refused."""
    await tx.execute(
        """
        update purchases.parked_refunds as parked
        set ended_at = %(at)s,
            outcome = given.outcome
        from unnest(%(ids)b::text[], %(outcomes)b::text[]) as given (id, outcome)
        where parked.id = given.id
        """,
        {"ids": list(outcomes), "outcomes": list(outcomes.values()), "at": at},
    )


async def read_answer(tx: Tx, refund_id: str) -> tuple[str, bytes] | None:
    """Return whose an applied refund is and how it was answered when it was applied, or None."""
    cursor = await tx.execute(
        """
        select merchant_id, answer
        from purchases.refunds
        where id = %(id)s
        """,
        {"id": refund_id},
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1])


async def read_parked(tx: Tx, refund_ids: Sequence[str]) -> dict[str, tuple[ParkedRefund, bytes | None]]:
    """Return those that came before their purchase and were not applied, by id, with their lines."""
    cursor = await tx.execute(
        """
        select id, merchant_id, purchase_reference, reference, kind, reason, amount_minor, lines, traceparent,
               parked_at, outcome
        from purchases.parked_refunds
        where id = any(%(ids)b::text[])
          and outcome is distinct from 'applied'
        """,
        {"ids": list(refund_ids)},
    )
    return {row[0]: (parked_of(row), row[7]) for row in await cursor.fetchall()}


async def waited_since(tx: Tx, refund_ids: Sequence[str]) -> dict[str, datetime]:
    """Return since when those of these refunds had waited, or wait, that came before their purchase, by id."""
    cursor = await tx.execute(
        """
        select id, parked_at
        from purchases.parked_refunds
        where id = any(%(ids)b::text[])
        """,
        {"ids": list(refund_ids)},
    )
    return dict(await cursor.fetchall())


def parked_of(row: TupleRow) -> ParkedRefund:
    """Return one row as a refund that waits, its lines left out."""
    refund = NewRefund(
        owner=OPERATOR,
        key="",
        traceparent=row[8],
        merchant_id=row[1],
        purchase_reference=row[2],
        reference=row[3],
        kind=RefundKind(row[4]),
        reason=row[5],
        amount_minor=row[6],
    )
    return ParkedRefund(id=row[0], refund=refund, parked_at=row[9], outcome=row[10])


def _named(names: Sequence[Name]) -> dict[str, list[str]]:
    """Return names with their merchants, as arrays."""
    return {"merchants": [merchant for merchant, _ in names], "references": [reference for _, reference in names]}


def _columns(refunds: Sequence[NewRefund], parts: Sequence[bytes | None]) -> dict[str, object]:
    """Return what applied and parked refunds have in common, as arrays."""
    return {
        "references": [refund.reference for refund in refunds],
        "kinds": [refund.kind.value for refund in refunds],
        "reasons": [refund.reason for refund in refunds],
        "amounts": [refund.total for refund in refunds],
        "lines": list(parts),
    }
