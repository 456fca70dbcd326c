"""What others may read of rulesets: drafts and versions, what is wrong with one, and what differs between two."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import NotFound
from cashback.kernel.mistakes import gathered
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.ledger.model.drafts import (
    Draft,
    DraftAnswer,
    DraftStory,
    DraftUnknown,
    RulesetUnknown,
    Version,
    VersionAnswer,
    VersionStory,
)
from cashback.ledger.model.problems import Change, Finding, Severity
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.changes import diff
from cashback.ledger.rules.engine import rules_of
from cashback.ledger.rules.largest import findings as beside_minter
from cashback.ledger.rules.linting import lint
from cashback.ledger.rules.programme import facts_of
from cashback.ledger.rules.statements import check_instant
from cashback.ledger.service.drafting import draft_answer
from cashback.ledger.service.limits import MintLimit
from cashback.ledger.service.programmes import within_programme
from cashback.ledger.service.publishing import largest_of, version_answer
from cashback.ledger.store import drafts, programmes, rulesets

LIST_MAX: Final = 200
"""Most drafts or versions that one reading returns."""


class RulesetReadings:
    """The reading desk for rulesets: any role that may select may ask."""

    def __init__(self, database: Database, *, mint_limit: MintLimit | None = None) -> None:
        """Read from `database`; without `mint_limit` nobody asks how much is minted at once."""
        self._database = database
        self._mint_limit = mint_limit

    async def draft(self, draft_id: str) -> DraftStory:
        """Return a draft with its document.

        Raises:
            DraftUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            draft = await _draft(tx, draft_id)
        return DraftStory(**msgspec.structs.asdict(draft_answer(draft)), document=msgspec.json.decode(draft.document))

    async def drafts(self, programme_id: str, *, after: str | None, limit: int) -> tuple[list[DraftAnswer], str | None]:
        """Return a page of a programme's drafts, the oldest first, and the place of the next one.

        Raises:
            ProgrammeUnknown: there is no such programme.
        """
        most = min(limit, LIST_MAX)
        async with within_programme(self._database, programme_id) as tx:
            found = await drafts.page(tx, programme_id, after=after or "", limit=most + 1)
        kept = found[:most]
        return [draft_answer(one) for one in kept], kept[-1].id if len(found) > most else None

    async def findings(self, draft_id: str) -> Sequence[Finding]:
        """Return what is wrong with a draft, its programme's campaigns and the minter's limit known.

        Raises:
            DraftUnknown: there is none.
        """
        limit = None if self._mint_limit is None else await self._mint_limit.told()
        async with self._database.transaction() as tx:
            draft = await _draft(tx, draft_id)
            rules = rules_of(draft.document)
            programme = await programmes.read(tx, programme_id=draft.programme_id)
            campaigns = await rulesets.campaigns(tx, draft.programme_id)
            largest = None if programme is None else await largest_of(tx, programme, rules)
        found = lint(rules, facts_of(programme) if programme is not None else None, campaigns)
        beside = [] if largest is None else beside_minter(rules, largest, limit)
        return sorted([*found, *beside], key=lambda finding: finding.severity is not Severity.ERROR)

    async def version(self, ruleset_id: str) -> VersionStory:
        """Return a published version with its document.

        Raises:
            RulesetUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            return _story(await rulesets.read(tx, ruleset_id), parameter="ruleset_id")

    async def in_force(self, programme_id: str, *, at: datetime) -> VersionStory:
        """Return the version that decides what happens at an instant, past, present or staged.

        Raises:
            PeriodInvalid: the instant lacks its offset, or is out of range.
            ProgrammeUnknown: there is no such programme.
            RulesetUnknown: there is none then.
        """
        check_instant(at, parameter="at")
        async with within_programme(self._database, programme_id) as tx:
            return _story(await rulesets.in_force(tx, programme_id, at=at), parameter="at")

    async def versions(
        self, programme_id: str, *, after: str | None, limit: int
    ) -> tuple[list[VersionAnswer], str | None]:
        """Return a page of a programme's versions, the newest first, and the place of the next one.

        Raises:
            ProgrammeUnknown: there is no such programme.
            CursorInvalid: `after` is no place of ours.
        """
        before, most = number_of(after, first=INT63_MAX), min(limit, LIST_MAX)
        async with within_programme(self._database, programme_id) as tx:
            found = await rulesets.page(tx, programme_id, before=before, limit=most + 1)
        kept = found[:most]
        return [version_answer(one) for one in kept], str(kept[-1].version) if len(found) > most else None

    async def differences(self, before: str, after: str) -> Sequence[Change]:
        """Return what changed from one draft or version to another.

        Raises:
            DraftUnknown, RulesetUnknown: there is no such one; where both are not there, of both.
        """
        found: list[Rules] = []
        unknown: list[NotFound] = []
        async with self._database.transaction() as tx:
            for parameter, name in (("before", before), ("after", after)):
                try:
                    found.append(await _rules(tx, name, parameter=parameter))
                except NotFound as problem:
                    unknown.append(problem)
        if unknown:
            raise gathered(unknown)
        return diff(*found)


async def _draft(tx: Tx, draft_id: str, *, parameter: str = "draft_id") -> Draft:
    """Return a draft; `parameter` is where its id was told.

    Raises:
        DraftUnknown: there is none.
    """
    found = await drafts.read(tx, draft_id)
    if found is None:
        raise DraftUnknown("there is no such draft", parameter=parameter)
    return found


async def _rules(tx: Tx, name: str, *, parameter: str) -> Rules:
    """Return the document of a draft or a version, which its id tells apart; `parameter` is where that was told.

    Raises:
        DraftUnknown, RulesetUnknown: there is none.
    """
    if name.startswith("drf_"):
        return rules_of((await _draft(tx, name, parameter=parameter)).document)
    version = await rulesets.read(tx, name)
    if version is None:
        raise RulesetUnknown("there is no such version", parameter=parameter)
    return rules_of(version.document)


def _story(version: Version | None, *, parameter: str) -> VersionStory:
    """Return a version that there is, with its document; `parameter` is what it was asked for by.

    Raises:
        RulesetUnknown: there is none.
    """
    if version is None:
        raise RulesetUnknown("there is no such version, or none is in force then", parameter=parameter)
    return VersionStory(
        **msgspec.structs.asdict(version_answer(version)), document=msgspec.json.decode(version.document)
    )
