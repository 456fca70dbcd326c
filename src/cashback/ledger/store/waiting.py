"""Pauses of programmes, what waits for budgets, and what is about to expire."""

from datetime import datetime, timedelta

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model.life import ExpiringItem, Pause, PauseStory, WaitingStory


async def pause(tx: Tx, programme_id: str, *, is_paused: bool, at: datetime) -> bool | None:
    """Pause or resume a programme, locked until `tx` ends; return whether that is news, None when there is none."""
    cursor = await tx.execute(
        """
        update ledger.programmes as programme
        set paused_at = case when %(paused)s then coalesce(programme.paused_at, %(at)s) end
        from (
            select id, paused_at is not null as was_paused
            from ledger.programmes
            where id = %(id)s
            for update
        ) as before
        where programme.id = before.id
        returning before.was_paused <> %(paused)s
        """,
        {"id": programme_id, "paused": is_paused, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else bool(row[0])


async def note_pause(tx: Tx, programme_id: str, pause: Pause) -> None:
    """Keep who paused or resumed a programme, and why."""
    await tx.execute(
        """
        insert into ledger.programme_pauses (programme_id, is_paused, person, reason, at)
        values (%(id)s, %(paused)s, %(person)s, %(reason)s, %(at)s)
        """,
        {"id": programme_id, "paused": pause.is_paused, "person": pause.person, "reason": pause.reason, "at": pause.at},
    )


async def last_pause(tx: Tx, programme_id: str) -> Pause | None:
    """Return the last time that a programme was paused or resumed, None when it never was."""
    cursor = await tx.execute(
        """
        select is_paused, person, reason, at
        from ledger.programme_pauses
        where programme_id = %(id)s
        order by position desc
        limit 1
        """,
        {"id": programme_id},
    )
    row = await cursor.fetchone()
    return None if row is None else Pause(is_paused=row[0], person=row[1], reason=row[2], at=row[3])


async def pauses(tx: Tx, programme_id: str, *, numbers_below: int, limit: int) -> list[PauseStory]:
    """Return how often a programme was paused and resumed below a number, the last time first."""
    cursor = await tx.execute(
        """
        select position, is_paused, person, reason, at
        from ledger.programme_pauses
        where programme_id = %(id)s
          and position < %(below)s
        order by position desc
        limit %(limit)s
        """,
        {"id": programme_id, "below": numbers_below, "limit": limit},
    )
    return [
        PauseStory(number=str(row[0]), is_paused=row[1], person=row[2], reason=row[3], at=row[4])
        for row in await cursor.fetchall()
    ]


async def line_of(tx: Tx, campaign_id: str, *, after: int, limit: int) -> list[tuple[int, WaitingStory]]:
    """Return (position, cashback) of who stands in a campaign's line behind a position, in their order."""
    cursor = await tx.execute(
        """
        select line.position, cashback.id, user_id, merchant_id, currency, wanted_minor, created_at, waits_until
        from ledger.waitlist as line
        join ledger.cashback_ledger as cashback on cashback.id = line.cashback_id
        where campaign_id = %(id)s
          and line.position > %(after)s
        order by line.position
        limit %(limit)s
        """,
        {"id": campaign_id, "after": after, "limit": limit},
    )
    return [
        (
            row[0],
            WaitingStory(
                cashback_id=row[1],
                user_id=row[2],
                merchant_id=row[3],
                currency=row[4],
                wanted_minor=str(row[5]),
                waiting_since=row[6],
                waits_until=row[7],
            ),
        )
        for row in await cursor.fetchall()
    ]


async def expiring(tx: Tx, *, now: datetime, within: timedelta, limit: int) -> list[ExpiringItem]:
    """Return approved cashbacks without a wallet that expire `within` so long, soonest first."""
    cursor = await tx.execute(
        """
        select found.*
        from ledger.programmes as programme
        cross join lateral (
            select id, user_id, currency, payable_minor, payable_units,
                   approved_at + make_interval(days => programme.expire_after_days) as expires_at
            from ledger.cashback_ledger
            where state = 'approved'
              and programme_id = programme.id
              and approved_at <= %(until)s - make_interval(days => programme.expire_after_days)
              and not exists (
                  select
                  from ledger.recipients
                  where recipients.user_id = cashback_ledger.user_id)
            order by approved_at
            limit %(limit)s
        ) as found
        where programme.expire_after_days is not null
        order by expires_at, id
        limit %(limit)s
        """,
        {"until": now + within, "limit": limit},
    )
    return [
        ExpiringItem(
            cashback_id=row[0],
            user_id=row[1],
            currency=row[2],
            amount=Minor(row[3]),
            token_units=TokenUnits(row[4]),
            expires_at=row[5],
        )
        for row in await cursor.fetchall()
    ]
