"""Rulesets as people work with them: drafts, and versions in their windows.

draft ──change──▶ draft ──publish──▶ version in [start, end)     in force once its start has come
└──discard──▶ discarded                └──withdraw──▶ withdrawn     only before its start
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound, Outdated
from cashback.ledger.model.rulesets import Rules

DOCUMENT_BYTES_MAX: Final = 1_048_576
"""The largest ruleset there is, as it is stored."""

DRAFTS_MAX: Final = 100
"""How many drafts of one programme may be open at a time."""


class NewDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft to be."""

    programme_id: str
    name: str
    document: Rules


class DraftChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft's whole new document; `revision` is the one that its author has seen."""

    draft_id: str
    revision: int
    document: Rules


class Publication(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft to become a version in `[starts_at, ends_at)`; no start means at once, no end until the next one."""

    draft_id: str
    revision: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it is stored."""

    id: str
    programme_id: str
    name: str
    document: bytes
    revision: int
    created_at: datetime
    changed_at: datetime
    discarded_at: datetime | None
    ruleset_id: str | None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset as it is stored, with the window it has."""

    id: str
    programme_id: str
    version: int
    document: bytes
    digest: bytes
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime
    published_by: str
    closes: str | None
    withdrawn_at: datetime | None


class DraftAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A draft without its document; `ruleset_id` is the version it was published as."""

    id: str
    programme_id: str
    name: str
    revision: int
    created_at: datetime
    changed_at: datetime
    discarded_at: datetime | None
    ruleset_id: str | None


class DraftStory(DraftAnswer, frozen=True, kw_only=True):
    """A draft with its document."""

    document: dict[str, Any]


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset without its document; `digest` is the SHA-256 of its canonical bytes."""

    id: str
    programme_id: str
    version: int
    digest: str
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime
    published_by: str
    withdrawn_at: datetime | None


class VersionStory(VersionAnswer, frozen=True, kw_only=True):
    """A published ruleset with its document."""

    document: dict[str, Any]


class WithdrawalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was withdrawn, and the one that continues what it would have ended, if it had closed one."""

    withdrawn: VersionAnswer
    continued_by: VersionAnswer | None


class DraftUnknown(NotFound):
    """There is no such draft."""

    code = "draft_unknown"


class RulesetUnknown(NotFound):
    """There is no such version, or none is in force then."""

    code = "ruleset_unknown"


class DraftClosed(Conflict):
    """The draft was published or discarded; it changes no more."""

    code = "draft_closed"


class DraftsTooMany(Conflict):
    """The programme has as many open drafts as it may have."""

    code = "drafts_too_many"


class DraftOutdated(Outdated):
    """Somebody has changed the draft since this revision; read it again."""

    code = "draft_outdated"


class DraftInvalid(Invalid):
    """What is said of a draft breaks a stated bound; `pointer` names the place."""

    code = "draft_invalid"


class WindowInPast(Invalid):
    """A window must start now or later: an earlier start would change decisions that were made."""

    code = "window_in_past"


class WindowEmpty(Invalid):
    """A window must end after its start, and both must be instants in range."""

    code = "window_empty"


class WindowOverlaps(Conflict):
    """The window overlaps that of another version, which `ruleset_id` names."""

    code = "window_overlaps"


class RulesetStarted(Conflict):
    """The version has started: decisions may rest on it."""

    code = "ruleset_started"
