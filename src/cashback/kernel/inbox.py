"""The inbox: which events a consumer has applied, stored in the transaction of the effect, for ever.

Keeps I5: delivery is at least once, so the same event may come again after any time; its id is found here and the
effect is not repeated.

Beside it stands what a consumer failed to apply, one event per key: what came after it, of the same key, waits for it,
with whichever worker, and the keys of others flow.

    no row ──failed──▶ attempts 1 ──failed──▶ 2 .. ──applied, or given up──▶ no row
                          └── its event does not come again: lapses 60 s after it was due, and goes an hour after that
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from psycopg.types.json import Jsonb

from cashback.kernel.db import Tx

LAPSES_AFTER_S: Final = 60
"""How long after it was due an event that failed still holds back its key."""
HISTORY_MAX: Final = 5
"""Failures of one event that are told, the latest; they are counted all the same."""
ATTEMPTS_MAX: Final = 32_767


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One failure of an event: when, of what kind, why, and to which worker."""

    at: str
    error: str
    reason: str
    worker: str


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """An event that has failed, and how often; it is due again in `due_in_s`."""

    attempts: int
    first_failed_at: datetime
    due_in_s: float
    history: list[Entry]


class Claimed(msgspec.Struct, frozen=True):
    """What became of a batch: `fresh` was claimed, `held_back` waits for another event of its key, due in so many s.

    `failed` are those that have failed before; what is in neither was applied before.
    """

    fresh: frozenset[str]
    held_back: Mapping[str, float]
    failed: frozenset[str]


async def claim(tx: Tx, *, schema: str, consumer: str, events: Mapping[str, str]) -> Claimed:
    """Return which of `events` (keys by ids) `consumer` had not applied before, and note them as applied with `tx`.

    A concurrent claim of the same id waits for the other transaction and then comes back without it. What waits for
    another event of its key is not claimed.
    """
    cursor = await tx.execute(
        f"""
        with failing as materialized (
            select key, event_id, extract(epoch from retry_at - now())::double precision as due_in_s
            from {schema}.inbox_failures
            where consumer = %(consumer)s
              and key = any(%(keys)s::text[])
        ),
        claimed as (
            insert into {schema}.inbox (consumer, event_id)
            select %(consumer)s, given.event_id
            from unnest(%(event_ids)s::text[], %(keys)s::text[]) as given (event_id, key)
            where not exists (select
                              from failing
                              where failing.key = given.key
                                and failing.event_id <> given.event_id
                                and failing.due_in_s > -{LAPSES_AFTER_S})
            order by given.event_id
            on conflict do nothing
            returning event_id
        )
        select event_id, null, null from claimed
        union all
        select event_id, key, due_in_s from failing
        """,
        {"consumer": consumer, "event_ids": list(events), "keys": list(events.values())},
    )
    rows = await cursor.fetchall()
    failing_of = {key: (event_id, due_in_s) for event_id, key, due_in_s in rows if key is not None}
    waiting = {event_id: failing_of[key] for event_id, key in events.items() if key in failing_of}
    return Claimed(
        fresh=frozenset(event_id for event_id, key, _ in rows if key is None),
        held_back={
            event_id: due_in_s
            for event_id, (other, due_in_s) in waiting.items()
            if other != event_id and due_in_s > -LAPSES_AFTER_S
        },
        failed=frozenset(event_id for event_id, (failed, _) in waiting.items() if failed == event_id),
    )


async def failing(tx: Tx, *, schema: str, consumer: str, events: Mapping[str, str]) -> dict[str, Failing]:
    """Return those of `events` (keys by ids) that have failed and were neither applied nor given up since."""
    cursor = await tx.execute(
        f"""
        select event_id, attempts, first_failed_at, extract(epoch from retry_at - now())::double precision, history
        from {schema}.inbox_failures
        where consumer = %(consumer)s
          and key = any(%(keys)s)
          and event_id = any(%(event_ids)s)
        """,
        {"consumer": consumer, "event_ids": list(events), "keys": list(set(events.values()))},
    )
    return {event_id: _read(*rest) for event_id, *rest in await cursor.fetchall()}


async def note_failure(
    tx: Tx, *, schema: str, consumer: str, key: str, event_id: str, entry: Entry, waits_s: Sequence[float], again: bool
) -> Failing | None:
    """Note that an event failed and return its failures with this one; None when another event holds its key back.

    After the first failure it is due in `waits_s[0]`, and so on; after the last of them and any later one in the last.
    With `again` this takes the place of the last failure instead of being one more.
    """
    cursor = await tx.execute(
        f"""
        insert into {schema}.inbox_failures as held (consumer, key, event_id, attempts, retry_at, history)
        values (%(consumer)s, %(key)s, %(event_id)s, 1, now() + make_interval(secs => (%(waits_s)s::float8[])[1]),
                jsonb_build_array(%(entry)s::jsonb))
        on conflict (consumer, key) do update
        set event_id = excluded.event_id,
            attempts = case when held.event_id = excluded.event_id
                            then least(held.attempts + %(more)s, {ATTEMPTS_MAX}) else 1 end,
            first_failed_at = case when held.event_id = excluded.event_id
                                   then held.first_failed_at else excluded.first_failed_at end,
            retry_at = case when held.event_id = excluded.event_id
                            then now() + make_interval(secs => (%(waits_s)s::float8[])[
                                least(held.attempts + %(more)s, cardinality(%(waits_s)s::float8[]))])
                            else excluded.retry_at end,
            history = case when held.event_id <> excluded.event_id then excluded.history
                           when %(more)s = 0 then (held.history - -1) || excluded.history
                           when jsonb_array_length(held.history) >= {HISTORY_MAX}
                           then (held.history - 0) || excluded.history
                           else held.history || excluded.history end
        where held.event_id = excluded.event_id
           or held.retry_at <= now() - make_interval(secs => {LAPSES_AFTER_S})
        returning attempts, first_failed_at, extract(epoch from retry_at - now())::double precision, history
        """,
        {
            "consumer": consumer,
            "key": key,
            "event_id": event_id,
            "entry": Jsonb(msgspec.to_builtins(entry)),
            "waits_s": list(waits_s),
            "more": 0 if again else 1,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else _read(*row)


async def take_back_failure(tx: Tx, *, schema: str, consumer: str, key: str, event_id: str) -> None:
    """Take back the last failure of an event that had failed before; it stays due when it was."""
    await tx.execute(
        f"""
        update {schema}.inbox_failures
        set attempts = attempts - 1,
            history = history - -1
        where consumer = %(consumer)s
          and key = %(key)s
          and event_id = %(event_id)s
          and attempts > 1
        """,
        {"consumer": consumer, "key": key, "event_id": event_id},
    )


async def forget_failures(tx: Tx, *, schema: str, consumer: str, events: Mapping[str, str]) -> None:
    """Forget that `events` (keys by ids) have failed: they are applied, or given up, and their keys go on."""
    await tx.execute(
        f"""
        delete from {schema}.inbox_failures
        where consumer = %(consumer)s
          and key = any(%(keys)s)
          and event_id = any(%(event_ids)s)
        """,
        {"consumer": consumer, "event_ids": list(events), "keys": list(set(events.values()))},
    )


async def forget_lapsed(tx: Tx, *, schema: str, consumer: str, after_s: int) -> int:
    """Forget events that were due more than `after_s` ago and did not come again; return how many these were."""
    cursor = await tx.execute(
        f"""
        delete from {schema}.inbox_failures
        where consumer = %(consumer)s
          and retry_at < now() - make_interval(secs => %(after_s)s)
        """,
        {"consumer": consumer, "after_s": after_s},
    )
    return cursor.rowcount


async def standing(tx: Tx, *, schema: str, consumer: str) -> tuple[int, float]:
    """Return how many keys an event that failed holds back, and for how long the first of them has been failing (s)."""
    cursor = await tx.execute(
        f"""
        select count(*), coalesce(extract(epoch from now() - min(first_failed_at)), 0)::double precision
        from {schema}.inbox_failures
        where consumer = %(consumer)s
          and retry_at > now() - make_interval(secs => {LAPSES_AFTER_S})
        """,
        {"consumer": consumer},
    )
    row = await cursor.fetchone()
    return (0, 0.0) if row is None else (row[0], row[1])


def _read(attempts: int, first_failed_at: datetime, due_in_s: float, history: object) -> Failing:
    """Return a row as what it says."""
    return Failing(
        attempts=attempts,
        first_failed_at=first_failed_at,
        due_in_s=due_in_s,
        history=msgspec.convert(history, list[Entry]),
    )
