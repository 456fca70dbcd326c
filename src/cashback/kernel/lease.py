"""Leases: at most one holder of a name at a time, and a token that makes a zombie's writes harmless.

    free ──acquire──▶ held(holder, token) ──renew──▶ held          expires: anyone may acquire, token + 1
                                          ├─release─▶ free
                                          └─depose──▶ free, token + 1

The table is `<schema>.leases`. Expiry is measured by the database's clock, so holders' clocks may differ. When that
clock is set back a lease seems to end far ahead, and whoever held it may be dead: what is longer than twice the length
that is asked for is nobody's any more.
"""

from typing import Final

from cashback.kernel.db import Tx

AHEAD_MAX: Final = 2
"""Lengths of a lease, all of one name being of about one length, beyond which none of this clock can end."""


async def acquire(tx: Tx, *, schema: str, name: str, holder: str, ttl_s: float) -> int | None:
    """Return the fencing token if `holder` now has the lease, else None; renewing an own lease keeps its token."""
    cursor = await tx.execute(
        f"""
        insert into {schema}.leases as held (name, holder, token, expires_at)
        values (%(name)s, %(holder)s, 1, clock_timestamp() + make_interval(secs => %(ttl_s)s))
        on conflict (name) do update
        set token = case when held.holder = excluded.holder and held.expires_at > clock_timestamp()
                         then held.token else held.token + 1 end,
            holder = excluded.holder,
            expires_at = excluded.expires_at
        where held.holder = excluded.holder
           or held.expires_at <= clock_timestamp()
           or held.expires_at > clock_timestamp() + make_interval(secs => %(ahead_max_s)s)
        returning token
        """,
        {"name": name, "holder": holder, "ttl_s": ttl_s, "ahead_max_s": AHEAD_MAX * ttl_s},
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def is_held(tx: Tx, *, schema: str, name: str, token: int) -> bool:
    """Tell whether `token` is still the newest, and keep it so until `tx` ends: the fence before a guarded write."""
    cursor = await tx.execute(
        f"""
        select 1
        from {schema}.leases
        where name = %(name)s
          and token = %(token)s
        for update
        """,
        {"name": name, "token": token},
    )
    return await cursor.fetchone() is not None


async def depose(tx: Tx, *, schema: str, name: str) -> None:
    """Take the lease from whoever holds it until `tx` ends, and leave it free: what it guarded is changed under it.

    Returns once no guarded write is under way. The holder finds its token old, as if the lease had run out, and may
    acquire it anew.
    """
    await tx.execute(
        f"""
        update {schema}.leases
        set token = token + 1,
            expires_at = clock_timestamp()
        where name = %(name)s
        """,
        {"name": name},
    )


async def release(tx: Tx, *, schema: str, name: str, token: int) -> None:
    """Give the lease back at once; a no-op when someone else has it already."""
    await tx.execute(
        f"""
        update {schema}.leases
        set expires_at = clock_timestamp()
        where name = %(name)s
          and token = %(token)s
        """,
        {"name": name, "token": token},
    )
