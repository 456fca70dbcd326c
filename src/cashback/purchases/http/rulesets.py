"""Rulesets over REST: drafted, changed, published in a window, withdrawn before it begins."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter

from cashback.kernel.entity import REVISION_PATTERN
from cashback.kernel.http import IdempotencyKey
from cashback.kernel.http.body import BodyInvalid, decode_body
from cashback.kernel.mistakes import placed_in
from cashback.purchases.http.commands import ReasonBody, answer, command_route, ordered_by
from cashback.purchases.service.rulesets import (
    DraftAnswer,
    DraftChange,
    NewDraft,
    Publication,
    RulesetDocument,
    Rulesets,
    VersionAnswer,
    WithdrawalAnswer,
)

DOCUMENT_BYTES_MAX: Final = 1_310_720
"""A ruleset of the largest kind, with some room for the spaces that people put in."""

DraftId: TypeAlias = Annotated[str, PathParameter(description="A draft's id, `drf_...`.")]
RulesetId: TypeAlias = Annotated[str, PathParameter(description="A version's id, `rul_...`.")]
_SEEN: Final = "The `ETag` of the draft as the caller has seen it: its revision in quotation marks."
Revision: TypeAlias = Annotated[str, HeaderParameter(name="If-Match", pattern=REVISION_PATTERN, description=_SEEN)]
RevisionIfTold: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", pattern=REVISION_PATTERN, description=f"{_SEEN} Without it, it is done in any case."
    ),
]


class DraftBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new draft: for which programme, what people call it, and the ruleset."""

    programme_id: Annotated[str, msgspec.Meta(max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    document: dict[str, Any]


class DocumentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft's whole new ruleset."""

    document: dict[str, Any]


class WindowBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a version is to decide: from its start, or at once, until its end, or until the next one begins."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None


@command_route(
    "/v1/ruleset-drafts",
    operation_id="createDraft",
    summary="Draft a ruleset",
    tag="Rulesets",
    body_bytes_max=DOCUMENT_BYTES_MAX,
    makes="/v1/ruleset-drafts/{draft_id}",
)
async def create_draft(
    request: Request[Any, Any, Any],
    rulesets: NamedDependency[Rulesets],
    data: JSONBody[DraftBody],
    idempotency_key: IdempotencyKey,
) -> Response[DraftAnswer]:
    """Keep a ruleset as a draft. It must have the right form; whether it contradicts itself, lint tells."""
    new = NewDraft(programme_id=data.programme_id, name=data.name, document=_rules(data.document))
    return answer(await rulesets.draft(ordered_by(request, idempotency_key), new))


@command_route(
    "/v1/ruleset-drafts/{draft_id:str}",
    operation_id="changeDraft",
    summary="Change a draft",
    tag="Rulesets",
    meets=(403, 404, 409, 412, 428),
    body_bytes_max=DOCUMENT_BYTES_MAX,
)
async def change_draft(  # what the framework hands over, each by its name
    request: Request[Any, Any, Any],
    rulesets: NamedDependency[Rulesets],
    draft_id: DraftId,
    data: JSONBody[DocumentBody],
    idempotency_key: IdempotencyKey,
    if_match: Revision,
) -> Response[DraftAnswer]:
    """Replace the whole document, if the draft is still as the caller has seen it."""
    change = DraftChange(draft_id=draft_id, revision=int(if_match.strip('"')), document=_rules(data.document))
    return answer(await rulesets.change(ordered_by(request, idempotency_key), change))


@command_route(
    "/v1/ruleset-drafts/{draft_id:str}/discard",
    operation_id="discardDraft",
    summary="Discard a draft",
    tag="Rulesets",
    meets=(403, 404, 409, 412),
)
async def discard_draft(  # as above
    request: Request[Any, Any, Any],
    rulesets: NamedDependency[Rulesets],
    draft_id: DraftId,
    data: JSONBody[ReasonBody],
    idempotency_key: IdempotencyKey,
    if_match: RevisionIfTold = None,
) -> Response[DraftAnswer]:
    """Have the draft change no more and never be published; it can still be read."""
    order, revision = ordered_by(request, idempotency_key), None if if_match is None else int(if_match.strip('"'))
    return answer(await rulesets.discard(order, draft_id, reason=data.reason, revision=revision))


@command_route(
    "/v1/ruleset-drafts/{draft_id:str}/publish",
    operation_id="publishDraft",
    summary="Publish a draft in a window",
    tag="Rulesets",
    meets=(403, 404, 409, 412, 428),
    makes="/v1/rulesets/{ruleset_id}",
)
async def publish_draft(  # as above
    request: Request[Any, Any, Any],
    rulesets: NamedDependency[Rulesets],
    draft_id: DraftId,
    data: JSONBody[WindowBody],
    idempotency_key: IdempotencyKey,
    if_match: Revision,
) -> Response[VersionAnswer]:
    """Publish what the caller has seen as a version that never changes, now or for later.

    A version with an open end before it ends where this one starts. `pointer` of `ruleset_invalid` leads into the
    draft's document.
    """
    publication = Publication(
        draft_id=draft_id, revision=int(if_match.strip('"')), starts_at=data.starts_at, ends_at=data.ends_at
    )
    return answer(await rulesets.publish(ordered_by(request, idempotency_key), publication))


@command_route(
    "/v1/rulesets/{ruleset_id:str}/withdraw",
    operation_id="withdrawRuleset",
    summary="Withdraw a version that has not started",
    tag="Rulesets",
)
async def withdraw_ruleset(
    request: Request[Any, Any, Any],
    rulesets: NamedDependency[Rulesets],
    ruleset_id: RulesetId,
    data: JSONBody[ReasonBody],
    idempotency_key: IdempotencyKey,
) -> Response[WithdrawalAnswer]:
    """Have it never start. Where it had closed another version, that one's rules go on as a version of their own."""
    return answer(await rulesets.withdraw(ordered_by(request, idempotency_key), ruleset_id, reason=data.reason))


def _rules(document: dict[str, Any]) -> RulesetDocument:
    """Return the ruleset that a body carries.

    Raises:
        BodyInvalid: it has another form than docs/ruleset.schema.json; pointers lead there from the body's root.
    """
    rules: RulesetDocument
    try:
        rules = decode_body(msgspec.json.encode(document), RulesetDocument)
    except BodyInvalid as problem:
        fields: dict[str, Any] = placed_in({"pointer": "", **problem.fields}, "/document")
        raise BodyInvalid(problem.detail, **fields) from problem
    return rules


RULESET_ROUTES = [create_draft, change_draft, discard_draft, publish_draft, withdraw_ruleset]
