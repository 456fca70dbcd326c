"""Adjustments by hand, the cashbacks that credits make, and who gave them."""

from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.money import Currency, Minor, TokenRate, TokenUnits
from cashback.ledger.model import Reason, State
from cashback.ledger.model.adjustments import Adjustment, AdjustmentKind, AdjustmentTerms, CreditedCashback

_SELECT: Final = """
    select adjustment.id, kind, cashback_id, adjustment.user_id, adjustment.programme_id, campaign_id,
           adjustment.currency, adjustment.amount_minor, adjustment.token_units, person, adjustment.reason, at, state,
           net_minor, adjustment.position
    from ledger.adjustments as adjustment
    join ledger.cashback_ledger as cashback on cashback.id = adjustment.cashback_id
"""


async def terms(tx: Tx, programme_id: str) -> AdjustmentTerms | None:
    """Return what a credit has to know of its programme, None when there is none."""
    cursor = await tx.execute(
        """
        select id, currency, exponent, token_rate_numerator, token_rate_denominator, review_above_minor,
               paused_at is not null
        from ledger.programmes
        where id = %(id)s
        """,
        {"id": programme_id},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return AdjustmentTerms(
        id=row[0],
        currency=Currency(code=row[1], exponent=row[2]),
        rate=TokenRate(row[3], row[4]),
        review_above=None if row[5] is None else Minor(row[5]),
        is_paused=row[6],
    )


async def insert_cashback(tx: Tx, cashback: CreditedCashback, *, adjustment: Adjustment, actor: str) -> None:
    """Store the cashback that a credit makes, with its first transition."""
    await tx.execute(
        """
        with stored as (
            insert into ledger.cashback_ledger (
                id, adjustment_id, user_id, programme_id, currency, desired_minor, amount_minor, token_units, state,
                reason, traceparent, created_at, net_minor, payable_minor, payable_units, approved_at, grants)
            values (%(id)s, %(adjustment)s, %(user)s, %(programme)s, %(currency)s, %(amount)s, %(amount)s, %(tokens)s,
                    %(state)s, %(reason)s, %(trace)s, %(at)s, %(amount)s, %(amount)s, %(tokens)s,
                    case when %(state)s = 'approved' then %(at)s::timestamptz end, %(grants)s)
        )
        insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
        values (%(id)s, null, %(state)s, %(actor)s, %(reason)s, %(at)s)
        """,
        {
            "id": cashback.id,
            "adjustment": cashback.adjustment_id,
            "user": cashback.user_id,
            "programme": cashback.programme_id,
            "currency": cashback.currency,
            "amount": cashback.amount,
            "tokens": cashback.token_units,
            "state": cashback.state.value,
            "reason": Reason.ADJUSTED.value,
            "trace": cashback.traceparent,
            "grants": cashback.grants,
            "actor": actor,
            "at": adjustment.at,
        },
    )


async def insert(tx: Tx, adjustment: Adjustment) -> None:
    """Keep an adjustment: who, how much, why."""
    await tx.execute(
        """
        insert into ledger.adjustments (id, kind, cashback_id, user_id, programme_id, campaign_id, currency,
                                        amount_minor, token_units, person, reason, at)
        values (%(id)s, %(kind)s, %(cashback)s, %(user)s, %(programme)s, %(campaign)s, %(currency)s, %(amount)s,
                %(tokens)s, %(person)s, %(reason)s, %(at)s)
        """,
        {
            "id": adjustment.id,
            "kind": adjustment.kind.value,
            "cashback": adjustment.cashback_id,
            "user": adjustment.user_id,
            "programme": adjustment.programme_id,
            "campaign": adjustment.campaign_id,
            "currency": adjustment.currency,
            "amount": adjustment.amount,
            "tokens": adjustment.token_units,
            "person": adjustment.person,
            "reason": adjustment.reason,
            "at": adjustment.at,
        },
    )


async def giver(tx: Tx, cashback_id: str) -> str | None:
    """Return who gave a cashback by hand, None when nobody did."""
    cursor = await tx.execute(
        """
        select person
        from ledger.adjustments
        where cashback_id = %(cashback)s
          and kind = 'credit'
        """,
        {"cashback": cashback_id},
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def read(tx: Tx, adjustment_id: str) -> tuple[Adjustment, State, Minor] | None:
    """Return an adjustment with the state of its cashback and what is left of that, None when there is none."""
    cursor = await tx.execute(
        f"""
        {_SELECT}
        where adjustment.id = %(id)s
        """,
        {"id": adjustment_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _read(row)


async def page(
    tx: Tx, *, user_id: str | None, before: int, limit: int
) -> list[tuple[int, tuple[Adjustment, State, Minor]]]:
    """Return (position, adjustment) below a position, newest first; of all users when `user_id` is None."""
    cursor = await tx.execute(
        f"""
        {_SELECT}
        where (%(user)s::text is null or adjustment.user_id = %(user)s)
          and adjustment.position < %(before)s
        order by adjustment.position desc
        limit %(limit)s
        """,
        {"user": user_id, "before": before, "limit": limit},
    )
    return [(row[-1], _read(row)) for row in await cursor.fetchall()]


def _read(row: tuple[Any, ...]) -> tuple[Adjustment, State, Minor]:
    """Return one row of `_SELECT`."""
    adjustment = Adjustment(
        id=row[0],
        kind=AdjustmentKind(row[1]),
        cashback_id=row[2],
        user_id=row[3],
        programme_id=row[4],
        campaign_id=row[5],
        currency=row[6],
        amount=Minor(row[7]),
        token_units=TokenUnits(row[8]),
        person=row[9],
        reason=row[10],
        at=row[11],
    )
    return adjustment, State(row[12]), Minor(row[13])
