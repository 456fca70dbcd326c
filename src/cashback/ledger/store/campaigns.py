"""Campaigns, what their budgets hold in all stripes, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor
from cashback.ledger.model.books import Account, AccountKind
from cashback.ledger.model.campaigns import BudgetChange, Campaign, Day, Spending

_CAMPAIGN: Final = """
    select campaign.id, campaign.programme_id, campaign.name, programme.currency, programme.exponent,
           programme.time_zone, campaign.starts_at, campaign.ends_at, campaign.day_limit_minor, campaign.on_exhaustion,
           campaign.stripes, campaign.created_at, least(campaign.closed_at, programme.ended_at), funds.budget,
           funds.left_over
    from ledger.campaigns as campaign
    join ledger.programmes as programme on programme.id = campaign.programme_id
    cross join lateral (
        select coalesce(-sum(balance) filter (where kind = 'funding'), 0) as budget,
               coalesce(sum(balance) filter (where kind = 'budget'), 0) as left_over
        from ledger.accounts
        where owner = campaign.id
          and currency = programme.currency
    ) as funds
"""


async def as_of_one_instant(tx: Tx) -> None:
    """Have every statement of `tx`, none of which was made yet, see the same instant."""
    await tx.execute("set transaction isolation level repeatable read, read only")


async def read(tx: Tx, campaign_id: str) -> Campaign | None:
    """Return a campaign, None when there is none."""
    cursor = await tx.execute(
        f"""
        {_CAMPAIGN}
        where campaign.id = %(id)s
        """,
        {"id": campaign_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _campaign(row)


async def named(tx: Tx, programme_id: str, name: str) -> bool:
    """Tell whether a programme has a campaign of this name."""
    cursor = await tx.execute(
        """
        select
        from ledger.campaigns
        where programme_id = %(programme)s
          and name = %(name)s
        """,
        {"programme": programme_id, "name": name},
    )
    return await cursor.fetchone() is not None


async def page(tx: Tx, programme_id: str, *, after: str, is_open: bool | None, limit: int) -> list[Campaign]:
    """Return campaigns of a programme by id, from the one after `after` on; open or closed ones, None for all."""
    cursor = await tx.execute(
        f"""
        {_CAMPAIGN}
        where campaign.programme_id = %(programme)s
          and campaign.id > %(after)s
          and (%(is_open)s::boolean is null or (least(campaign.closed_at, programme.ended_at) is null) = %(is_open)s)
        order by campaign.id
        limit %(limit)s
        """,
        {"programme": programme_id, "after": after, "is_open": is_open, "limit": limit},
    )
    return [_campaign(row) for row in await cursor.fetchall()]


async def insert(tx: Tx, campaign: Campaign) -> None:
    """Store a new campaign; its budget is posted apart."""
    await tx.execute(
        """
        insert into ledger.campaigns (id, programme_id, name, starts_at, ends_at, day_limit_minor, on_exhaustion,
                                      stripes, created_at)
        values (%(id)s, %(programme)s, %(name)s, %(starts_at)s, %(ends_at)s, %(day_limit)s, %(on_exhaustion)s,
                %(stripes)s, %(at)s)
        """,
        {
            "id": campaign.id,
            "programme": campaign.programme_id,
            "name": campaign.name,
            "starts_at": campaign.starts_at,
            "ends_at": campaign.ends_at,
            "day_limit": campaign.day_limit,
            "on_exhaustion": campaign.on_exhaustion,
            "stripes": campaign.stripes,
            "at": campaign.created_at,
        },
    )


async def close(tx: Tx, campaign_id: str, *, reason: str, at: datetime) -> None:
    """Close a campaign: no new ruleset names it, and nobody raises its budget."""
    await tx.execute(
        """
        update ledger.campaigns
        set closed_at = %(at)s,
            closed_because = %(reason)s
        where id = %(id)s
          and closed_at is null
        """,
        {"id": campaign_id, "reason": reason, "at": at},
    )


async def note_change(tx: Tx, change: BudgetChange, *, by: str, at: datetime) -> None:
    """Keep why a budget was raised or lowered."""
    await tx.execute(
        """
        insert into ledger.budget_changes (campaign_id, cause, amount_minor, reason, ordered_by, at)
        values (%(campaign)s, %(cause)s, %(amount)s, %(reason)s, %(by)s, %(at)s)
        """,
        {
            "campaign": change.campaign_id,
            "cause": change.cause,
            "amount": change.amount,
            "reason": change.reason,
            "by": by,
            "at": at,
        },
    )


async def lock_stripes(tx: Tx, campaign_ids: Sequence[str]) -> dict[Account, int]:
    """Return the balances of all stripes of some campaigns, locked in ascending order of number until `tx` ends."""
    cursor = await tx.execute(
        """
        select account.owner, account.currency, account.stripe, account.balance
        from ledger.campaigns as campaign
        join ledger.programmes as programme on programme.id = campaign.programme_id
        join ledger.accounts as account
          on account.owner = campaign.id and account.kind = 'budget' and account.currency = programme.currency
        where campaign.id = any(%(campaigns)b::text[])
        order by account.id
        for update of account
        """,
        {"campaigns": list(campaign_ids)},
    )
    return {Account(row[0], AccountKind.BUDGET, row[1], row[2]): int(row[3]) for row in await cursor.fetchall()}


async def spending(tx: Tx, campaign_id: str) -> Spending:
    """Return what became of what a campaign granted, by the states of the cashbacks now: every transfer is read."""
    cursor = await tx.execute(
        """
        with moved as (
            select transfer.cashback_id, transfer.amount as granted, 0 as back
            from ledger.accounts as budget
            join ledger.transfers as transfer on transfer.debit_account = budget.id
            where budget.owner = %(id)s
              and budget.kind = 'budget'
              and transfer.cashback_id is not null
            union all
            select transfer.cashback_id, 0, transfer.amount
            from ledger.accounts as budget
            join ledger.transfers as transfer on transfer.credit_account = budget.id
            where budget.owner = %(id)s
              and budget.kind = 'budget'
              and transfer.cashback_id is not null
        )
        select coalesce(sum(granted - back) filter (
                   where state in ('declined', 'waitlisted', 'pending', 'review', 'approved', 'voided', 'expired')), 0),
               coalesce(sum(granted - back) filter (
                   where state in ('mint_requested', 'minted', 'stuck', 'netted', 'reversed')), 0),
               coalesce(sum(back), 0)
        from moved
        join ledger.cashback_ledger as cashback on cashback.id = moved.cashback_id
        """,
        {"id": campaign_id},
    )
    row = await cursor.fetchone()
    reserved, spent, back = (0, 0, 0) if row is None else row
    return Spending(reserved=Minor(int(reserved)), spent=Minor(int(spent)), given_back=Minor(int(back)))


async def days(tx: Tx, campaign_id: str, *, time_zone: str, since: datetime) -> list[Day]:
    """Return what a campaign granted and got back on each day since, the oldest first; days without either are none."""
    cursor = await tx.execute(
        """
        select (transfer.at at time zone %(zone)s)::date as day,
               coalesce(sum(transfer.amount) filter (where transfer.debit_account = budget.id), 0),
               coalesce(sum(transfer.amount) filter (where transfer.credit_account = budget.id), 0)
        from ledger.accounts as budget
        join ledger.transfers as transfer on budget.id in (transfer.debit_account, transfer.credit_account)
        where budget.owner = %(id)s
          and budget.kind = 'budget'
          and transfer.cashback_id is not null
          and transfer.at >= %(since)s
        group by day
        order by day
        """,
        {"id": campaign_id, "zone": time_zone, "since": since},
    )
    return [
        Day(day=row[0], granted=Minor(int(row[1])), given_back=Minor(int(row[2]))) for row in await cursor.fetchall()
    ]


def _campaign(row: tuple[Any, ...]) -> Campaign:
    """Return the campaign of a row of `_CAMPAIGN`."""
    return Campaign(
        id=row[0],
        programme_id=row[1],
        name=row[2],
        currency=row[3],
        exponent=row[4],
        time_zone=row[5],
        starts_at=row[6],
        ends_at=row[7],
        day_limit=row[8],
        on_exhaustion=row[9],
        stripes=row[10],
        created_at=row[11],
        closed_at=row[12],
        budget=Minor(int(row[13])),
        budget_left=Minor(int(row[14])),
    )
