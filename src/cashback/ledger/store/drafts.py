"""Drafts of rulesets."""

from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.ledger.model.drafts import Draft

_COLUMNS: Final = """
    id, programme_id, name, document, revision, created_at, changed_at, discarded_at, ruleset_id
"""


async def insert(tx: Tx, draft: Draft) -> None:
    """Store a new draft."""
    await tx.execute(
        """
        insert into ledger.ruleset_drafts (id, programme_id, name, document, created_at, changed_at)
        values (%(id)s, %(programme)s, %(name)s, %(document)s, %(at)s, %(at)s)
        """,
        {
            "id": draft.id,
            "programme": draft.programme_id,
            "name": draft.name,
            "document": draft.document,
            "at": draft.created_at,
        },
    )


async def count_open(tx: Tx, programme_id: str) -> int:
    """Return how many drafts of a programme are neither published nor discarded."""
    cursor = await tx.execute(
        """
        select count(*)
        from ledger.ruleset_drafts
        where programme_id = %(programme)s
          and discarded_at is null
          and ruleset_id is null
        """,
        {"programme": programme_id},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def lock(tx: Tx, draft_id: str) -> Draft | None:
    """Return a draft, locked until `tx` ends; None when there is none."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from ledger.ruleset_drafts
        where id = %(id)s
        for no key update
        """,
        {"id": draft_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _draft(row)


async def read(tx: Tx, draft_id: str) -> Draft | None:
    """Return a draft, None when there is none."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from ledger.ruleset_drafts
        where id = %(id)s
        """,
        {"id": draft_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _draft(row)


async def page(tx: Tx, programme_id: str, *, after: str, limit: int) -> list[Draft]:
    """Return drafts of a programme by id, from the one after `after` on, those that are closed included."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from ledger.ruleset_drafts
        where programme_id = %(programme)s
          and id > %(after)s
        order by id
        limit %(limit)s
        """,
        {"programme": programme_id, "after": after, "limit": limit},
    )
    return [_draft(row) for row in await cursor.fetchall()]


async def update(tx: Tx, draft: Draft) -> None:
    """Store what a locked draft has become."""
    await tx.execute(
        """
        update ledger.ruleset_drafts
        set document = %(document)s,
            revision = %(revision)s,
            changed_at = %(changed)s,
            discarded_at = %(discarded)s,
            ruleset_id = %(ruleset)s
        where id = %(id)s
        """,
        {
            "id": draft.id,
            "document": draft.document,
            "revision": draft.revision,
            "changed": draft.changed_at,
            "discarded": draft.discarded_at,
            "ruleset": draft.ruleset_id,
        },
    )


def _draft(row: tuple[Any, ...]) -> Draft:
    """Return the draft of a row of `_COLUMNS`."""
    return Draft(
        id=row[0],
        programme_id=row[1],
        name=row[2],
        document=row[3],
        revision=row[4],
        created_at=row[5],
        changed_at=row[6],
        discarded_at=row[7],
        ruleset_id=row[8],
    )
