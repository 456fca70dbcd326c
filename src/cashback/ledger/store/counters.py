"""Counters of what was granted, and what users did before; `service.deciding` says what protects which."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cashback.kernel.db import Tx
from cashback.kernel.money import BPS_IN_WHOLE, Minor
from cashback.ledger.model.engine import CounterKey
from cashback.ledger.model.terms import Past

_HOUR = timedelta(hours=1)
_REFUNDS_LOOKED_AT = timedelta(days=90)


async def lock(tx: Tx, keys: Sequence[CounterKey]) -> dict[CounterKey, Minor]:
    """Return what each counter counted, those that were missing made; all stay locked until `tx` ends.

    All are made before any is locked: whoever held one and then waited for the maker of another could wait for ever.
    Nearly always all are there: that is found out by the statement that locks them, which then locks all or none.
    """
    locked = await _lock(tx, keys)
    if len(locked) < len(keys):
        await _make(tx, keys)
        locked = await _lock(tx, keys)
    return locked


async def read(tx: Tx, keys: Sequence[CounterKey]) -> dict[CounterKey, Minor]:
    """Return what those counters counted that exist; whoever counts on must hold what protects them."""
    cursor = await tx.execute(
        """
        select place, counter.used_minor
        from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[]) with ordinality
            as wanted (owner, subject, kind, period, place)
        join ledger.counters as counter using (owner, subject, kind, period)
        """,
        _columns(keys),
    )
    return {keys[place - 1]: Minor(used) for place, used in await cursor.fetchall()}


async def add(tx: Tx, taken: Mapping[CounterKey, Minor]) -> None:
    """Count on: each counter by so much more, those that were missing made.

    Nearly all exist. An update finds them at less cost than an insert that conflicts, which locks each row first.
    """
    await tx.execute(
        """
        with given as materialized (
            select owner, subject, kind, period, taken, place
            from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[],
                        %(taken)b::bigint[]) with ordinality as given (owner, subject, kind, period, taken, place)
        ),
        counted as (
            update ledger.counters as counter
            set used_minor = counter.used_minor + given.taken
            from given
            where (counter.owner, counter.subject, counter.kind, counter.period)
                = (given.owner, given.subject, given.kind, given.period)
            returning given.place
        )
        insert into ledger.counters as counter (owner, subject, kind, period, used_minor)
        select owner, subject, kind, period, taken
        from given
        where place not in (select place from counted)
        order by owner, subject, kind, period
        on conflict (owner, subject, kind, period) do update
        set used_minor = counter.used_minor + excluded.used_minor
        """,
        {**_columns(list(taken)), "taken": list(taken.values())},
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


async def _lock(tx: Tx, keys: Sequence[CounterKey]) -> dict[CounterKey, Minor]:
    """Return the counters, locked in the order of their names; where one does not exist, none is locked or returned."""
    cursor = await tx.execute(
        """
        with wanted as materialized (
            select owner, subject, kind, period, place
            from unnest(%(owners)b::text[], %(subjects)b::text[], %(kinds)b::text[], %(periods)b::text[])
                with ordinality as wanted (owner, subject, kind, period, place)
        )
        select place, counter.used_minor
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
    return {keys[place - 1]: Minor(used) for place, used in await cursor.fetchall()}


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
