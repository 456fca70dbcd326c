"""Who may earn at present, and the journals of who said so; rows of a journal stay as they are."""

from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import INT63_MAX
from cashback.purchases.model import Signed


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stands whether somebody may earn, a column of a table, and where who said so: `of` names whom there."""

    table: str
    column: str
    journal: str
    of: str


USERS: Final = Journal(table="users", column="is_blocked", journal="user_blocks", of="user_id")
MERCHANTS: Final = Journal(table="merchants", column="is_active", journal="merchant_deactivations", of="merchant_id")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the column was set to, by whom, why and when."""

    is_set: bool
    person: str
    reason: str
    at: datetime


async def is_known(tx: Tx, journal: Journal, id_: str) -> bool:
    """Tell whether there is such a user or merchant."""
    cursor = await tx.execute(
        f"""
        select exists (
            select
            from purchases.{journal.table}
            where id = %(id)s)
        """,
        {"id": id_},
    )
    [(found,)] = await cursor.fetchall()
    return bool(found)


async def put(tx: Tx, journal: Journal, id_: str, said: Signed, *, is_set: bool, at: datetime) -> bool | None:
    """Set the column, and keep who says so if it is news; return whether it is, None when there is nobody.

    Nobody else changes the row until `tx` ends. Purchases read it and wait for nothing.
    """
    cursor = await tx.execute(
        f"""
        with before as (
            select id, {journal.column} as was_set
            from purchases.{journal.table}
            where id = %(id)s
            for no key update
        ),
        changed as (
            update purchases.{journal.table} as subject
            set {journal.column} = %(set)s
            from before
            where subject.id = before.id
              and before.was_set <> %(set)s
            returning subject.id
        ),
        noted as (
            insert into purchases.{journal.journal} ({journal.of}, {journal.column}, person, reason, at)
            select id, %(set)s, %(person)s, %(reason)s, %(at)s
            from changed
        )
        select was_set <> %(set)s
        from before
        """,
        {"id": id_, "set": is_set, "person": said.person, "reason": said.reason, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else bool(row[0])


async def entries(tx: Tx, journal: Journal, id_: str, *, before: int, limit: int) -> dict[int, Entry]:
    """Return what was said of somebody below a position of the journal, by position, newest first."""
    cursor = await tx.execute(
        f"""
        select position, {journal.column}, person, reason, at
        from purchases.{journal.journal}
        where {journal.of} = %(id)s
          and position < %(before)s
        order by position desc
        limit %(limit)s
        """,
        {"id": id_, "before": before, "limit": limit},
    )
    return {row[0]: Entry(is_set=row[1], person=row[2], reason=row[3], at=row[4]) for row in await cursor.fetchall()}


async def last(tx: Tx, journal: Journal, id_: str) -> Entry | None:
    """Return what was said of somebody last, None when nothing ever was."""
    newest = await entries(tx, journal, id_, before=INT63_MAX, limit=1)
    return next(iter(newest.values()), None)
