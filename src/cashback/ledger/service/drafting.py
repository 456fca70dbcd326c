"""Drafting rulesets: each step in the transaction of its command, nothing half-applied."""

from datetime import datetime

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.ledger.model.drafts import (
    DOCUMENT_BYTES_MAX,
    DRAFTS_MAX,
    Draft,
    DraftAnswer,
    DraftChange,
    DraftClosed,
    DraftInvalid,
    DraftOutdated,
    DraftsTooMany,
    DraftUnknown,
    NewDraft,
)
from cashback.ledger.model.programmes import ProgrammeUnknown
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.engine import canonical
from cashback.ledger.store import drafts as store
from cashback.ledger.store import rulesets


async def draft_ruleset(tx: Tx, new: NewDraft, *, now: datetime) -> DraftAnswer:
    """Return a new draft; what it says may contradict itself until it is published.

    Raises:
        ProgrammeUnknown, DraftInvalid, DraftsTooMany: roll `tx` back.
    """
    if not new.name.isprintable():
        raise DraftInvalid("the name must be printable", pointer="/name")
    document = bounded(new.document)
    if not await rulesets.lock_programme(tx, new.programme_id):
        raise ProgrammeUnknown("there is no such programme", pointer="/programme_id")
    if await store.count_open(tx, new.programme_id) >= DRAFTS_MAX:
        raise DraftsTooMany(f"a programme has at most {DRAFTS_MAX} open drafts: discard some", pointer="/programme_id")
    draft = Draft(
        id=new_id("drf"),
        programme_id=new.programme_id,
        name=new.name,
        document=document,
        revision=1,
        created_at=now,
        changed_at=now,
        discarded_at=None,
        ruleset_id=None,
    )
    await store.insert(tx, draft)
    return draft_answer(draft)


async def change_draft(tx: Tx, change: DraftChange, *, now: datetime) -> DraftAnswer:
    """Return the draft with its new document, under the next revision.

    Raises:
        DraftUnknown, DraftClosed, DraftOutdated, DraftInvalid: roll `tx` back.
    """
    document = bounded(change.document)
    draft = await lock_open(tx, change.draft_id, revision=change.revision)
    return await _become(tx, msgspec.structs.replace(draft, document=document), now)


async def discard_draft(tx: Tx, draft_id: str, *, revision: int | None, now: datetime) -> DraftAnswer:
    """Return the draft, of that revision unless it is None, discarded: it can be read, and changes no more.

    Raises:
        DraftUnknown, DraftClosed, DraftOutdated: roll `tx` back.
    """
    draft = await lock_open(tx, draft_id, revision=revision)
    return await _become(tx, msgspec.structs.replace(draft, discarded_at=now), now)


async def mark_published(tx: Tx, draft: Draft, *, ruleset_id: str, now: datetime) -> None:
    """Note as which version a locked draft was published."""
    await _become(tx, msgspec.structs.replace(draft, ruleset_id=ruleset_id), now)


async def lock_open(tx: Tx, draft_id: str, *, revision: int | None) -> Draft:
    """Return a draft that may change, locked until `tx` ends; of that revision, unless it is None.

    Raises:
        DraftUnknown: there is none.
        DraftClosed: it was published or discarded.
        DraftOutdated: it has another revision.
    """
    draft = await store.lock(tx, draft_id)
    if draft is None:
        raise DraftUnknown("there is no such draft", parameter="draft_id")
    if draft.discarded_at is not None or draft.ruleset_id is not None:
        raise DraftClosed("the draft was published or discarded", parameter="draft_id")
    if revision is not None and revision != draft.revision:
        raise DraftOutdated(f"the draft is at revision {draft.revision}", parameter="If-Match")
    return draft


def bounded(document: Rules) -> bytes:
    """Return the canonical bytes of a document that is not too large.

    Raises:
        DraftInvalid: it is.
    """
    data = canonical(document)
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DraftInvalid(f"a ruleset has at most {DOCUMENT_BYTES_MAX} bytes", pointer="/document")
    return data


def draft_answer(draft: Draft) -> DraftAnswer:
    """Return a draft in the words that leave the house, without its document."""
    return DraftAnswer(
        id=draft.id,
        programme_id=draft.programme_id,
        name=draft.name,
        revision=draft.revision,
        created_at=draft.created_at,
        changed_at=draft.changed_at,
        discarded_at=draft.discarded_at,
        ruleset_id=draft.ruleset_id,
    )


async def _become(tx: Tx, draft: Draft, now: datetime) -> DraftAnswer:
    """Store what a locked draft has become, under the next revision."""
    after = msgspec.structs.replace(draft, revision=draft.revision + 1, changed_at=now)
    await store.update(tx, after)
    return draft_answer(after)
