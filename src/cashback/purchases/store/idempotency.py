"""Idempotency keys: reserved before the work, answered after it, both in the transaction of the work itself."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

import msgspec
import psycopg
from psycopg import errors

from cashback.kernel.db import LOCK_TIMEOUT_MS, Tx
from cashback.purchases.model import Command, KeyBusy, Unstorable

Key: TypeAlias = tuple[str, str]
"""Owner and key."""


class Asked(msgspec.Struct, frozen=True):
    """What a key is to stand for: its command's fingerprint and name, and the API key that the first one came with."""

    fingerprint: bytes
    by_key: str | None
    what: str | None


class Given(msgspec.Struct, frozen=True):
    """What came of a command: its answer, and the id of what it made or changed, None where there is none."""

    answer: bytes
    resource: str | None


class Reserved(msgspec.Struct, frozen=True):
    """Which keys are ours now, which another transaction holds, and how many waits for these were given up."""

    fresh: set[Key]
    busy: set[Key]
    waits: int


class Answered(msgspec.Struct, frozen=True):
    """What a key stands for: the fingerprint of its command, and the answer given, None where it was forgotten.

    What was ordered, and what came of it, are there for commands of before.
    """

    fingerprint: bytes
    answer: bytes | None
    what: str | None = None
    resource: str | None = None


def owned_key(command: Command) -> Key:
    """Return the idempotency key of a command with its owner."""
    return command.owner, command.key


@contextmanager
def storing() -> Iterator[None]:
    """Tell a row that the schema refuses from a database that does not work.

    Raises:
        Unstorable: a constraint or a type refused one of the rows.
    """
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as cause:
        raise Unstorable(f"the database refused a row: {type(cause).__name__}") from cause


async def reserve(tx: Tx, asked: Mapping[Key, Asked], *, at: datetime, patience_ms: int = LOCK_TIMEOUT_MS) -> set[Key]:
    """Reserve every key that is free and return those; who else is reserving one is waited for.

    Keys are taken in order, so two of these never wait for each other.

    Raises:
        KeyBusy: another transaction has held one of the keys for longer than `patience_ms`.
    """
    keys = sorted(asked)
    try:
        # One round trip: the patience is set before the first row is inserted, and reset when the last one is counted.
        cursor = await tx.execute(
            """
            with hasty as materialized (
                select set_config('lock_timeout', %(patience)s, true)
            ),
            reserved as (
                insert into purchases.idempotency_keys (owner, key, fingerprint, by_key, what, created_at)
                select owner, key, fingerprint, by_key, what, %(at)s
                from hasty
                cross join unnest(
                    %(owners)b::text[], %(keys)b::text[], %(fingerprints)b::bytea[], %(by_keys)b::text[],
                    %(whats)b::text[]
                ) as given (owner, key, fingerprint, by_key, what)
                order by owner, key
                on conflict do nothing
                returning owner, key
            )
            select array_agg(owner), array_agg(key), set_config('lock_timeout', %(usual)s, true)
            from reserved
            """,
            _reserving(keys, asked, at=at, patience_ms=patience_ms) | {"usual": str(LOCK_TIMEOUT_MS)},
        )
        row = await cursor.fetchone()
    except errors.LockNotAvailable as cause:
        # Of a key the server says in which index; of the table, which a migration has, it says nothing.
        if cause.diag.context is None:
            raise
        raise KeyBusy("the first request under this key is still being answered") from cause
    return set() if row is None or row[0] is None else set(zip(row[0], row[1], strict=True))


async def reserve_free(tx: Tx, asked: Mapping[Key, Asked], *, at: datetime, patience_ms: int) -> Reserved:
    """Reserve every key that is free and that nobody holds, waiting so long for each, or some of them together.

    One statement, however many are held: who looks for them is the server.
    """
    keys = sorted(asked)
    cursor = await tx.execute(
        """
        select fresh, held, waits
        from purchases.reserve_free(
            %(owners)b::text[], %(keys)b::text[], %(fingerprints)b::bytea[], %(by_keys)b::text[], %(whats)b::text[],
            %(at)s, %(patience)s)
        """,
        _reserving(keys, asked, at=at, patience_ms=patience_ms),
    )
    [(fresh, held, waits)] = await cursor.fetchall()
    return Reserved({keys[place - 1] for place in fresh}, {keys[place - 1] for place in held}, waits)


async def known(tx: Tx, keys: Sequence[Key]) -> set[Key]:
    """Return which of those keys stand for a command already."""
    cursor = await tx.execute(
        """
        select owner, key
        from unnest(%(owners)b::text[], %(keys)b::text[]) as asked (owner, key)
        join purchases.idempotency_keys using (owner, key)
        """,
        _owned(keys),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}


async def read(tx: Tx, keys: Sequence[Key]) -> dict[Key, Answered]:
    """Return what those keys stand for; a key that is not there stands for nothing.

    What was told of a user who was erased since counts as forgotten, but for what was told of that, and of debts; so
    does what was told of a merchant that such a user owned by then.
    """
    cursor = await tx.execute(
        """
        select owner, key, fingerprint,
            case
                when erased.id is not null then null
                when what is null then answer
                when what not in ('create_merchant', 'change_merchant', 'set_merchant_facts') then answer
                when exists (
                    select
                    from jsonb_array_elements_text(convert_from(answer, 'UTF8')::jsonb -> 'owners') as owning (id)
                    join purchases.users on users.id = owning.id and users.erased_at is not null
                ) then null
                else answer
            end,
            what, resource
        from unnest(%(owners)b::text[], %(keys)b::text[]) as asked (owner, key)
        join purchases.idempotency_keys using (owner, key)
        left join purchases.users as erased
            on erased.id = resource
            and erased.erased_at is not null
            and coalesce(what, '') not in ('erase_user', 'write_off_debt')
        """,
        _owned(keys),
    )
    return {(row[0], row[1]): Answered(*row[2:]) for row in await cursor.fetchall()}


async def answer(tx: Tx, given: Mapping[Key, Given]) -> None:
    """Store what came of the commands whose keys this transaction reserved."""
    await tx.execute(
        """
        update purchases.idempotency_keys as reserved
        set answer = given.answer,
            resource = given.resource
        from unnest(%(owners)b::text[], %(keys)b::text[], %(answers)b::bytea[], %(resources)b::text[])
            as given (owner, key, answer, resource)
        where reserved.owner = given.owner
          and reserved.key = given.key
        """,
        {
            "answers": [one.answer for one in given.values()],
            "resources": [one.resource for one in given.values()],
            **_owned(given),
        },
    )


def _reserving(keys: Sequence[Key], asked: Mapping[Key, Asked], *, at: datetime, patience_ms: int) -> dict[str, object]:
    """Return keys with what they are to stand for, as arrays, from when on, and how long they are waited for."""
    return {
        "fingerprints": [asked[key].fingerprint for key in keys],
        "by_keys": [asked[key].by_key for key in keys],
        "whats": [asked[key].what for key in keys],
        "at": at,
        "patience": str(patience_ms),
        **_owned(keys),
    }


def _owned(keys: Collection[Key]) -> dict[str, list[str]]:
    """Return keys with their owners, as arrays."""
    return {"owners": [owner for owner, _ in keys], "keys": [key for _, key in keys]}
