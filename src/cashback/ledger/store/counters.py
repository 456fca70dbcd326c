"""Counters of what was granted, and what users did before; `service.deciding` says what protects which."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from cashback.kernel.db import Tx
from cashback.kernel.money import BPS_IN_WHOLE, Minor
from cashback.ledger.model.engine import CounterKey
from cashback.ledger.model.terms import Past

_HOUR = timedelta(hours=1)
_REFUNDS_LOOKED_AT = timedelta(days=90)


Counters: TypeAlias = dict[CounterKey, tuple[int, Minor]]
"""Counters that exist: the number of each, and what it counted so far."""


async def lock(tx: Tx, keys: Sequence[CounterKey]) -> Counters:
    """Return the counters, those that were missing made; all stay locked until `tx` ends.

    All are made before any is locked: whoever held one and then waited for the maker of another could wait for ever.
    Nearly always all are there: that is found out by the statement that locks them, which then locks all or none.
    """
    locked = await _lock(tx, keys)
    if len(locked) < len(keys):
        await _make(tx, keys)
        locked = await _lock(tx, keys)
    return locked


async def read(tx: Tx, keys: Sequence[CounterKey]) -> Counters:
    """Return those counters that exist; whoever counts on must hold what protects them."""
    cursor = await tx.execute(
        """
        select place, counter.id, counter.used_minor
        from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[]) with ordinality
            as wanted (owner, subject, kind, period, place)
        join ledger.counters as counter using (owner, subject, kind, period)
        """,
        _columns(keys),
    )
    return {keys[place - 1]: (number, Minor(used)) for place, number, used in await cursor.fetchall()}


async def add(tx: Tx, found: Counters, taken: Mapping[CounterKey, Minor]) -> None:
    """Count on: each counter by so much more, those that were not `found` made.

    Nearly all were. They go by their numbers: their names are long, and were compared when they were found.
    """
    numbers = {found[key][0]: amount for key, amount in taken.items() if key in found}
    missing = [key for key in taken if key not in found]
    await tx.execute(
        """
        with counted as (
            update ledger.counters as counter
            set used_minor = counter.used_minor + given.taken
            from unnest(%(numbers)b::bigint[], %(more)b::bigint[]) as given (id, taken)
            where counter.id = given.id
        )
        insert into ledger.counters as counter (owner, subject, kind, period, used_minor)
        select owner, subject, kind, period, taken
        from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[],
                    %(taken)b::bigint[]) as given (owner, subject, kind, period, taken)
        order by owner, subject, kind, period
        on conflict (owner, subject, kind, period) do update
        set used_minor = counter.used_minor + excluded.used_minor
        """,
        {
            "numbers": list(numbers),
            "more": list(numbers.values()),
            **_columns(missing),
            "taken": [taken[key] for key in missing],
        },
    )


async def lock_pasts(tx: Tx, users: Sequence[str]) -> None:
    """Have every other decision that asks for the past of one of these users wait until `tx` ends."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(key)
        from (
            select distinct hashtextextended('ledger.past:' || id, 0) as key
            from unnest(%(users)b::text[]) as given (id)
            order by key
        ) as keys
        """,
        {"users": list(users)},
    )


async def pasts(tx: Tx, buying: Sequence[tuple[str, str]], *, now: datetime) -> dict[str, Past]:
    """Return what is known of each user of these pairs of user and merchant, and where of these they bought before.

    Only the last `_REFUNDS_LOOKED_AT` is read, one purchase before, and one at each merchant. What people took back by
    hand is no return of the user's.
    """
    cursor = await tx.execute(
        """
        select given.user_id, any_before.is_there, recent.in_hour, given.merchants, recent.granted, recent.returned,
               (
                   select count(*)
                   from ledger.recipients as own
                   join ledger.recipients as other using (wallet)
                   where own.user_id = given.user_id
               )
        from (
            select user_id, array_agg(merchant_id) filter (where there.is_known) as merchants
            from unnest(%(users)b::text[], %(merchants)b::text[]) as buying (user_id, merchant_id)
            cross join lateral (
                select exists (select
                    from ledger.cashback_ledger
                    where user_id = buying.user_id
                      and merchant_id = buying.merchant_id
                      and purchase_id is not null) as is_known
            ) as there
            group by user_id
        ) as given
        cross join lateral (
            select min(merchant_id) is not null as is_there
            from ledger.cashback_ledger
            where user_id = given.user_id
              and purchase_id is not null
        ) as any_before
        cross join lateral (
            select count(*) filter (where created_at > %(hour_ago)s) as in_hour,
                   coalesce(sum(amount_minor), 0) as granted,
                   coalesce(sum(amount_minor - net_minor - debited_minor), 0) as returned
            from ledger.cashback_ledger
            where user_id = given.user_id
              and purchase_id is not null
              and created_at > %(since)s
        ) as recent
        """,
        {
            "users": [user for user, _ in buying],
            "merchants": [merchant for _, merchant in buying],
            "hour_ago": now - _HOUR,
            "since": now - _REFUNDS_LOOKED_AT,
        },
    )
    return {
        user: Past(
            has_bought=has_bought,
            in_hour=in_hour,
            merchants=frozenset(known or ()),
            users_per_wallet=max(1, sharing),
            refund_ratio_bps=int(returned * BPS_IN_WHOLE // granted) if granted else 0,
        )
        for user, has_bought, in_hour, known, granted, returned, sharing in await cursor.fetchall()
    }


async def _lock(tx: Tx, keys: Sequence[CounterKey]) -> Counters:
    """Return the counters, locked in the order of their names; where one does not exist, none is locked or returned."""
    cursor = await tx.execute(
        """
        with wanted as materialized (
            select owner, subject, kind, period, place
            from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[])
                with ordinality as wanted (owner, subject, kind, period, place)
        )
        select place, counter.id, counter.used_minor
        from wanted
        join ledger.counters as counter using (owner, subject, kind, period)
        where not exists (
            select
            from wanted as missing
            where not exists (
                select
                from ledger.counters as known
                where (known.owner, known.subject, known.kind, known.period)
                    = (missing.owner, missing.subject, missing.kind, missing.period)))
        order by counter.owner, counter.subject, counter.kind, counter.period
        for update of counter
        """,
        _columns(keys),
    )
    return {keys[place - 1]: (number, Minor(used)) for place, number, used in await cursor.fetchall()}


async def _make(tx: Tx, keys: Sequence[CounterKey]) -> None:
    """Make counters that do not exist yet; those that someone else is making are waited for."""
    await tx.execute(
        """
        insert into ledger.counters (owner, subject, kind, period)
        select owner, subject, kind, period
        from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[])
            as wanted (owner, subject, kind, period)
        order by owner, subject, kind, period
        on conflict do nothing
        """,
        _columns(keys),
    )


def _columns(keys: Sequence[CounterKey]) -> dict[str, list[str]]:
    """Return the counters' names as arrays."""
    return {
        "owners": [key.owner for key in keys],
        "subjects": [key.subject for key in keys],
        "kinds": [key.limit.value for key in keys],
        "periods": [key.period for key in keys],
    }
