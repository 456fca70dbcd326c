"""Cashbacks whose next step was due a while ago, found by the questions that the worker asks, without its locks."""

from datetime import datetime

from cashback.kernel.db import Tx


async def overdue(tx: Tx, *, due_by: datetime, limit: int) -> list[str]:
    """Return at most `limit` cashbacks whose hold, verdict or wait for a wallet was over by then, by id.

    What stands in a paused programme is not due.
    """
    cursor = await tx.execute(
        """
        select found.id
        from ledger.programmes as programme
        cross join lateral (
            (
                select id
                from ledger.cashback_ledger
                where state = 'pending'
                  and programme_id = programme.id
                  and hold_until <= %(due_by)s
                order by hold_until
                limit %(limit)s
            )
            union all
            (
                select id
                from ledger.cashback_ledger
                where state = 'approved'
                  and programme_id = programme.id
                  and approved_at <= %(due_by)s - make_interval(days => programme.expire_after_days)
                  and not exists (
                      select
                      from ledger.recipients
                      where recipients.user_id = cashback_ledger.user_id)
                order by approved_at
                limit %(limit)s
            )
            union all
            (
                select cashback.id
                from ledger.cashback_ledger as cashback
                join ledger.reviews as review on review.cashback_id = cashback.id
                where cashback.state = 'review'
                  and cashback.programme_id = programme.id
                  and review.at <= %(due_by)s
                group by cashback.id
                having bool_or(verdict = 'reject')
                    or count(*) >= case when payable_minor > programme.second_above_minor then 2 else 1 end
                limit %(limit)s
            )
        ) as found
        where programme.paused_at is null
        order by found.id
        limit %(limit)s
        """,
        {"due_by": due_by, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def unrequested(tx: Tx, *, due_by: datetime, among: int, limit: int) -> list[str]:
    """Return at most `limit` cashbacks that were approved and had a wallet by then and are so still, by id.

    What stands in a paused programme, or in one that was resumed since, is not due. Of each programme the newest
    `among` are looked through: most of what is approved waits for a wallet, which most will never have.
    """
    cursor = await tx.execute(
        """
        select found.id
        from ledger.programmes as programme
        cross join lateral (
            select newest.id
            from (
                select id, user_id
                from ledger.cashback_ledger
                where state = 'approved'
                  and programme_id = programme.id
                  and approved_at <= %(due_by)s
                order by approved_at desc
                limit %(among)s
            ) as newest
            join ledger.recipients as recipient using (user_id)
            where recipient.linked_at <= %(due_by)s
              and not exists (
                  select
                  from ledger.cashback_transitions as step
                  where step.cashback_id = newest.id
                    and step.at > %(due_by)s)
            limit %(limit)s
        ) as found
        where programme.paused_at is null
          and not exists (
              select
              from ledger.programme_pauses as pause
              where pause.programme_id = programme.id
                and pause.at > %(due_by)s)
        order by found.id
        limit %(limit)s
        """,
        {"due_by": due_by, "among": among, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]
