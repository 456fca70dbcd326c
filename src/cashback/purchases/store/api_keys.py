"""API keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cashback.kernel.db import Tx
from cashback.kernel.principal import BURST_MIN, Rate
from cashback.purchases.model import ApiKey
from cashback.purchases.model.api_keys import Opened


async def insert(tx: Tx, key: ApiKey, hmac: bytes) -> None:
    """Store a new key under its secret's HMAC."""
    await tx.execute(
        """
        insert into purchases.api_keys
            (id, secret_hmac, scope, merchant_id, label, created_at, scopes, expires_at,
            rate_per_s, burst, replaces, created_by)
        values (%(id)s, %(hmac)s, %(scope)s, %(merchant)s, %(label)s, %(at)s, %(scopes)s, %(end)s,
            %(rate)s, %(burst)s, %(old)s, %(by)s)
        """,
        {
            "id": key.id,
            "hmac": hmac,
            "scope": key.scope,
            "merchant": key.merchant_id,
            "label": key.label,
            "at": key.created_at,
            "scopes": None if key.scopes is None else list(key.scopes),
            "end": key.expires_at,
            "rate": None if key.rate is None else key.rate.per_s,
            "burst": None if key.rate is None else key.rate.burst,
            "old": key.replaces,
            "by": key.created_by,
        },
    )


async def revoke(tx: Tx, key_id: str, *, at: datetime) -> ApiKey | None:
    """Return a key that is revoked from now on, or since it first was; None when there is none."""
    cursor = await tx.execute(
        """
        update purchases.api_keys
        set revoked_at = coalesce(revoked_at, %(at)s)
        where id = %(id)s
        returning id, scope, merchant_id, label, created_at, revoked_at, scopes, expires_at, replaces, created_by,
            rate_per_s, burst, last_used_at
        """,
        {"id": key_id, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else _key(row)


async def read(tx: Tx, key_id: str) -> Opened | None:
    """Return a key with its secret's HMAC and its rights, or None when there is none."""
    cursor = await tx.execute(
        """
        select id, scope, merchant_id, label, created_at, revoked_at, scopes, expires_at, replaces, created_by,
            rate_per_s, burst, last_used_at, secret_hmac
        from purchases.api_keys
        where id = %(id)s
        """,
        {"id": key_id},
    )
    row = await cursor.fetchone()
    return None if row is None else Opened(key=_key(row), hmac=bytes(row[13]))


async def newest(tx: Tx, *, limit: int) -> list[ApiKey]:
    """Return the newest keys, revoked ones included."""
    cursor = await tx.execute(
        """
        select id, scope, merchant_id, label, created_at, revoked_at, scopes, expires_at, replaces, created_by,
            rate_per_s, burst, last_used_at
        from purchases.api_keys
        order by created_at desc, id
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return [_key(row) for row in await cursor.fetchall()]


async def take_turns(tx: Tx) -> None:
    """Have nobody else make, replace or revoke a key until this transaction ends: it is rare, and looks at many."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('purchases.api_keys', 0))")


async def take_turns_at_uses(tx: Tx) -> None:
    """Have nobody else write when keys were used until this transaction ends: two might meet each other's rows."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('purchases.api_keys.last_used_at', 0))")


async def note_uses(tx: Tx, uses: Mapping[str, datetime]) -> None:
    """Write down when keys were used, for those that nobody has used since."""
    await tx.execute(
        """
        update purchases.api_keys
        set last_used_at = used.at
        from unnest(%(ids)b::text[], %(ats)b::timestamptz[]) as used (id, at)
        where api_keys.id = used.id
          and (last_used_at is null or last_used_at < used.at)
        """,
        {"ids": [*uses], "ats": [*uses.values()]},
    )


async def end(tx: Tx, key_id: str, *, at: datetime) -> None:
    """Have a key end then, unless it ends before; none ends before it began."""
    await tx.execute(
        """
        update purchases.api_keys
        set expires_at = least(expires_at, greatest(created_at, %(at)s))
        where id = %(id)s
        """,
        {"id": key_id, "at": at},
    )


async def successor(tx: Tx, key_id: str) -> str | None:
    """Return the key that replaces another one, None when none does."""
    cursor = await tx.execute(
        """
        select id
        from purchases.api_keys
        where replaces = %(id)s
        """,
        {"id": key_id},
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def count_live(tx: Tx, merchant_id: str | None, *, at: datetime) -> int:
    """Return how many keys of one merchant, or of the operator, open something."""
    cursor = await tx.execute(
        """
        select count(*)
        from purchases.api_keys
        where merchant_id is not distinct from %(merchant)s::text
          and revoked_at is null
          and (expires_at is null or expires_at > %(at)s)
        """,
        {"merchant": merchant_id, "at": at},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def has_other(tx: Tx, key_id: str, *, scope: str, until: datetime | None) -> bool:
    """Tell whether an operator's key beside this one opens something until then at least, and was made for `scope`.

    Without an end it has to go on for ever.

    One that was replaced is none: it goes on for the overlap alone, however long that is.
    """
    cursor = await tx.execute(
        """
        select exists (
            select
            from purchases.api_keys as other
            where scope = 'operator'
              and id <> %(id)s
              and revoked_at is null
              and (expires_at is null or expires_at >= %(until)s::timestamptz)
              and (scopes is null or %(scope)s = any (scopes))
              and not exists (select from purchases.api_keys as successor where successor.replaces = other.id)
        )
        """,
        {"id": key_id, "scope": scope, "until": until},
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def page(tx: Tx, *, merchant_id: str | None, before: str | None, limit: int) -> list[ApiKey]:
    """Return keys of one merchant, or everybody's, from before an id downwards: about the newest first."""
    cursor = await tx.execute(
        """
        select id, scope, merchant_id, label, created_at, revoked_at, scopes, expires_at, replaces, created_by,
            rate_per_s, burst, last_used_at
        from purchases.api_keys
        where (%(merchant)s::text is null or merchant_id = %(merchant)s)
          and (%(before)s::text is null or id < %(before)s)
        order by id desc
        limit %(limit)s
        """,
        {"merchant": merchant_id, "before": before, "limit": limit},
    )
    return [_key(row) for row in await cursor.fetchall()]


def _rate(per_s: int, burst: int) -> Rate:
    """Return the rate of a key; one that was made before a burst had to be so large has it so all the same."""
    return Rate(per_s=per_s, burst=max(BURST_MIN, burst))


def _key(row: tuple[Any, ...]) -> ApiKey:
    """Return one row as a key."""
    return ApiKey(
        id=row[0],
        scope=row[1],
        merchant_id=row[2],
        label=row[3],
        created_at=row[4],
        revoked_at=row[5],
        scopes=None if row[6] is None else tuple(row[6]),
        expires_at=row[7],
        replaces=row[8],
        created_by=row[9],
        rate=None if row[10] is None else _rate(row[10], row[11]),
        last_used_at=row[12],
    )
