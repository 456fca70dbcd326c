"""Published rulesets, their windows, and those that were withdrawn before they started."""

from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.ledger.model.drafts import Version

_COLUMNS: Final = """
    ruleset.id, ruleset.programme_id, ruleset.version, ruleset.document, ruleset.digest, ruleset.starts_at,
    ruleset.ends_at, ruleset.published_at, ruleset.published_by, ruleset.closes, withdrawal.at
"""
_FROM: Final = """
    ledger.rulesets as ruleset
    left join ledger.ruleset_withdrawals as withdrawal on withdrawal.ruleset_id = ruleset.id
"""


async def lock_programme(tx: Tx, programme_id: str) -> bool:
    """Have everybody else who publishes in a programme wait until `tx` ends; False when there is none."""
    cursor = await tx.execute(
        """
        select
        from ledger.programmes
        where id = %(id)s
        for no key update
        """,
        {"id": programme_id},
    )
    return await cursor.fetchone() is not None


async def campaigns(tx: Tx, programme_id: str) -> list[str]:
    """Return the campaigns that rules of a programme may name."""
    cursor = await tx.execute(
        """
        select id
        from ledger.campaigns
        where programme_id = %(programme)s
          and closed_at is null
        order by id
        """,
        {"programme": programme_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def read(tx: Tx, ruleset_id: str) -> Version | None:
    """Return one version, None when there is none."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from {_FROM}
        where ruleset.id = %(id)s
        """,
        {"id": ruleset_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _version(row)


async def current_and_later(tx: Tx, programme_id: str, *, now: datetime) -> list[Version]:
    """Return the versions of a programme whose windows have not ended, by start: all that a new one may overlap."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from {_FROM}
        where ruleset.programme_id = %(programme)s
          and withdrawal.ruleset_id is null
          and (ruleset.ends_at is null or ruleset.ends_at > %(now)s)
        order by ruleset.starts_at
        """,
        {"programme": programme_id, "now": now},
    )
    return [_version(row) for row in await cursor.fetchall()]


async def in_force(tx: Tx, programme_id: str, *, at: datetime) -> Version | None:
    """Return the version that decides what happens at an instant, None where there is none."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from {_FROM}
        where ruleset.programme_id = %(programme)s
          and withdrawal.ruleset_id is null
          and ruleset.starts_at <= %(at)s
          and (ruleset.ends_at is null or ruleset.ends_at > %(at)s)
        """,
        {"programme": programme_id, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else _version(row)


async def page(tx: Tx, programme_id: str, *, before: int, limit: int) -> list[Version]:
    """Return versions of a programme, the newest first, from below the version `before`."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from {_FROM}
        where ruleset.programme_id = %(programme)s
          and ruleset.version < %(before)s
        order by ruleset.version desc
        limit %(limit)s
        """,
        {"programme": programme_id, "before": before, "limit": limit},
    )
    return [_version(row) for row in await cursor.fetchall()]


async def close(tx: Tx, ruleset_id: str, *, ends_at: datetime) -> None:
    """Give a version with an open end this one."""
    await tx.execute(
        """
        update ledger.rulesets
        set ends_at = %(ends_at)s
        where id = %(id)s
        """,
        {"id": ruleset_id, "ends_at": ends_at},
    )


async def insert(tx: Tx, version: Version) -> int:
    """Store a version under the next number of its programme, which is locked; return that number."""
    cursor = await tx.execute(
        """
        insert into ledger.rulesets (id, programme_id, version, document, digest, starts_at, ends_at, published_at,
                                     published_by, closes)
        select %(id)s, %(programme)s, coalesce(max(version), 0) + 1, %(document)s, %(digest)s, %(starts_at)s,
               %(ends_at)s, %(published_at)s, %(by)s, %(closes)s
        from ledger.rulesets
        where programme_id = %(programme)s
        returning version
        """,
        {
            "id": version.id,
            "programme": version.programme_id,
            "document": version.document,
            "digest": version.digest,
            "starts_at": version.starts_at,
            "ends_at": version.ends_at,
            "published_at": version.published_at,
            "by": version.published_by,
            "closes": version.closes,
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def withdraw(tx: Tx, ruleset_id: str, *, reason: str, by: str, at: datetime) -> None:
    """Note that a version that has not started never will."""
    await tx.execute(
        """
        insert into ledger.ruleset_withdrawals (ruleset_id, reason, withdrawn_by, at)
        values (%(id)s, %(reason)s, %(by)s, %(at)s)
        """,
        {"id": ruleset_id, "reason": reason, "by": by, "at": at},
    )


def _version(row: tuple[Any, ...]) -> Version:
    """Return the version of a row of `_COLUMNS`."""
    return Version(
        id=row[0],
        programme_id=row[1],
        version=row[2],
        document=row[3],
        digest=row[4],
        starts_at=row[5],
        ends_at=row[6],
        published_at=row[7],
        published_by=row[8],
        closes=row[9],
        withdrawn_at=row[10],
    )
