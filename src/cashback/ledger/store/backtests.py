"""Recorded purchases with their decisions, streamed in the order of recording, and the budgets they began with."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor
from cashback.ledger.model.backtests import Kept


async def read_only(tx: Tx) -> None:
    """Have all statements of `tx` see one state of the database, and change none of it; its first statement."""
    await tx.execute("set transaction isolation level repeatable read, read only")


async def patient(tx: Tx) -> None:
    """Let ten seconds go by between two statements of `tx`, while other processes start and decide what was read.

    It changes nothing, so that nobody waits for its locks.
    """
    await tx.execute("set local idle_in_transaction_session_timeout = '10s'")


async def count(tx: Tx, programme_id: str, *, since: datetime | None, until: datetime | None, most: int) -> int:
    """Return how many purchases of a programme were recorded in `[since, until)`, counting no further than `most`."""
    cursor = await tx.execute(
        """
        select count(*)
        from (
            select
            from ledger.cashback_ledger
            where programme_id = %(programme)s
              and purchase_id is not null
              and (%(since)s::timestamptz is null or created_at >= %(since)s)
              and (%(until)s::timestamptz is null or created_at < %(until)s)
            limit %(most)s
        ) as recorded
        """,
        {"programme": programme_id, "since": since, "until": until, "most": most},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def without_programme(tx: Tx, *, since: datetime | None, until: datetime | None) -> int:
    """Return how many purchases recorded in `[since, until)` no programme took; they have an index of their own."""
    cursor = await tx.execute(
        """
        select count(*)
        from ledger.cashback_ledger
        where programme_id is null
          and (%(since)s::timestamptz is null or created_at >= %(since)s)
          and (%(until)s::timestamptz is null or created_at < %(until)s)
        """,
        {"since": since, "until": until},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def budgets(
    tx: Tx, campaign_ids: Sequence[str], *, since: datetime | None, until: datetime | None
) -> dict[str, tuple[Minor, Minor]]:
    """Return what each campaign's budget held at `since`, with all that was put in and taken out later, and one more.

    Without an instant that is all that was ever put in, less what was taken out. Purchases and refunds since do not
    count: those are what a backtest decides anew. What people gave by hand it does not, so that counts as taken out.
    The second figure is what came back of purchases' cashbacks in `[since, until)`.
    """
    cursor = await tx.execute(
        """
        select account.owner, sum(account.balance - coalesce(moved.amount, 0)), coalesce(sum(moved.given_back), 0)
        from ledger.accounts as account
        left join lateral (
            select sum(entry.amount) as amount,
                   sum(entry.amount) filter (
                       where entry.cause in ('refund', 'void', 'expiry')
                         and (%(until)s::timestamptz is null or entry.at < %(until)s)) as given_back
            from ledger.entries as entry
            where entry.account_id = account.id
              and entry.cause not in ('funding', 'withdrawal', 'rebalancing')
              and (%(since)s::timestamptz is null or entry.at >= %(since)s)
              and not exists (
                  select
                  from ledger.cashback_ledger as cashback
                  where cashback.id = entry.cashback_id
                    and cashback.adjustment_id is not null)
        ) as moved on true
        where account.owner = any(%(ids)s)
          and account.kind = 'budget'
        group by account.owner
        """,
        {"ids": list(campaign_ids), "since": since, "until": until},
    )
    return {row[0]: (Minor(int(row[1])), Minor(int(row[2]))) for row in await cursor.fetchall()}


async def stream(
    tx: Tx, programme_id: str, *, since: datetime | None, until: datetime | None, chunk: int
) -> AsyncGenerator[list[Kept]]:
    """Yield a programme's purchases of `[since, until)` in the order of recording, so many at a time.

    The server sorts their places and looks documents up as it goes: neither side ever holds all of them.
    """
    async with tx.cursor("backtest") as cursor:
        await cursor.execute(
            """
            select recorded.position, recorded.created_at, recorded.purchase_id, recorded.user_id,
                   (
                       select document
                       from ledger.decisions
                       where cashback_id = recorded.id
                       order by sequence desc
                       limit 1
                   )
            from (
                select position, created_at, id, purchase_id, user_id
                from ledger.cashback_ledger
                where programme_id = %(programme)s
                  and purchase_id is not null
                  and (%(since)s::timestamptz is null or created_at >= %(since)s)
                  and (%(until)s::timestamptz is null or created_at < %(until)s)
                order by position
                offset 0
            ) as recorded
            """,
            {"programme": programme_id, "since": since, "until": until},
        )
        while rows := await cursor.fetchmany(chunk):
            yield [Kept(*row) for row in rows]
