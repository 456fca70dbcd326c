"""Rulesets over REST as they are read: drafts and versions, what is wrong with one, what differs between two."""

from datetime import datetime
from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cashback.kernel.http import (
    PAGE_DEFAULT,
    Cursor,
    Held,
    IdempotencyKey,
    Limit,
    Page,
    Terms,
    problems,
    tagged,
    tagged_problems,
)
from cashback.kernel.keys import check_key_text
from cashback.purchases.http.rulesets import DraftId, RulesetId
from cashback.purchases.service.rulesets import (
    Change,
    DraftAnswer,
    DraftStory,
    Finding,
    RulesetReadings,
    VersionAnswer,
    VersionStory,
)

ProgrammeId: TypeAlias = Annotated[str, PathParameter(description="A programme's id, `prg_...`.")]
Compared: TypeAlias = Annotated[str, QueryParameter(max_length=64, description="A draft or a version, by its id.")]
Instant: TypeAlias = Annotated[datetime, QueryParameter(description="RFC 3339 with an offset; past, present, future.")]
ETAG: Final = ResponseHeader(name="ETag", value="1", description="The draft's revision.", documentation_only=True)


class NoBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing: an empty object."""


class LintAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a ruleset, errors first; `is_publishable` without any error."""

    is_publishable: bool
    findings: list[Finding]


class DiffAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one ruleset to another; rules, groups and tiers are told apart by their ids."""

    changes: list[Change]


class DraftPage(Page[DraftAnswer], frozen=True):
    """One page of a programme's drafts; `next_cursor` is null on the last one."""


class VersionPage(Page[VersionAnswer], frozen=True):
    """One page of a programme's versions; `next_cursor` is null on the last one."""


@post(
    "/v1/ruleset-drafts/{draft_id:str}/lint",
    operation_id="lintDraft",
    summary="What is wrong with a draft",
    tags=["Rulesets"],
    responses=problems(403, 404, 409, 413, 415),
)
async def lint_draft(
    ruleset_readings: NamedDependency[RulesetReadings],
    draft_id: DraftId,
    data: JSONBody[NoBody],
    idempotency_key: IdempotencyKey,
) -> Response[LintAnswer]:
    """Find contradictions, names of nothing, and bounds that nothing meets; nothing is changed, and none is kept."""
    del data
    check_key_text(idempotency_key)
    found = list(await ruleset_readings.findings(draft_id))
    is_publishable = all(finding.severity != "error" for finding in found)
    return Response(LintAnswer(is_publishable=is_publishable, findings=found))


@get(
    "/v1/ruleset-drafts/{draft_id:str}",
    operation_id="showDraft",
    summary="One draft with its document",
    tags=["Rulesets"],
    response_headers=[ETAG],
    responses=tagged_problems(403, 404),
)
async def show_draft(
    ruleset_readings: NamedDependency[RulesetReadings], draft_id: DraftId, if_none_match: Held = None
) -> Response[DraftStory]:
    """Return a draft; its `ETag` is what a change, a publication or an end of it names in `If-Match`."""
    draft = await ruleset_readings.draft(draft_id)
    return tagged(draft, f'"{draft.revision}"', if_none_match)


@get(
    "/v1/programmes/{programme_id:str}/drafts",
    operation_id="listDrafts",
    summary="A programme's drafts, the oldest first",
    tags=["Rulesets"],
    responses=problems(403, 404),
)
async def list_drafts(
    ruleset_readings: NamedDependency[RulesetReadings],
    programme_id: ProgrammeId,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> DraftPage:
    """Return one page, published and discarded ones included."""
    terms = Terms.of("drafts", programme_id=programme_id)
    items, place = await ruleset_readings.drafts(programme_id, after=terms.place(cursor), limit=limit)
    return DraftPage.of(items, terms.bound(place))


@get(
    "/v1/programmes/{programme_id:str}/rulesets",
    operation_id="listRulesets",
    summary="A programme's versions, the newest first",
    tags=["Rulesets"],
    responses=problems(403, 404),
)
async def list_rulesets(
    ruleset_readings: NamedDependency[RulesetReadings],
    programme_id: ProgrammeId,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> VersionPage:
    """Return one page, staged and withdrawn ones included."""
    terms = Terms.of("rulesets", programme_id=programme_id)
    items, place = await ruleset_readings.versions(programme_id, after=terms.place(cursor), limit=limit)
    return VersionPage.of(items, terms.bound(place))


@get(
    "/v1/programmes/{programme_id:str}/ruleset",
    operation_id="showRulesetInForce",
    summary="The version in force at an instant",
    tags=["Rulesets"],
    responses=problems(403, 404),
)
async def show_in_force(
    ruleset_readings: NamedDependency[RulesetReadings], programme_id: ProgrammeId, at: Instant
) -> VersionStory:
    """Return the version that decides a purchase of that instant."""
    return await ruleset_readings.in_force(programme_id, at=at)


@get(
    "/v1/rulesets/{ruleset_id:str}",
    operation_id="showRuleset",
    summary="One published version with its document",
    tags=["Rulesets"],
    responses=problems(403, 404),
)
async def show_ruleset(ruleset_readings: NamedDependency[RulesetReadings], ruleset_id: RulesetId) -> VersionStory:
    """Return a version, staged and withdrawn ones included."""
    return await ruleset_readings.version(ruleset_id)


@get(
    "/v1/ruleset-diff",
    operation_id="diffRulesets",
    summary="What differs between two rulesets",
    tags=["Rulesets"],
    responses=problems(403, 404),
)
async def diff_rulesets(
    ruleset_readings: NamedDependency[RulesetReadings], before: Compared, after: Compared
) -> DiffAnswer:
    """Compare any two of drafts and versions; at most 1,000 differences are told."""
    return DiffAnswer(changes=list(await ruleset_readings.differences(before, after)))


RULESET_READING_ROUTES = [
    lint_draft,
    show_draft,
    list_drafts,
    list_rulesets,
    show_in_force,
    show_ruleset,
    diff_rulesets,
]
