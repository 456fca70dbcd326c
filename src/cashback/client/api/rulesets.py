"""Rulesets, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def create_draft(body: structs.DraftBody, *, idempotency_key: str) -> Call[structs.DraftAnswer]:
    """Draft a ruleset.

    Keep a ruleset as a draft. It must have the right form; whether it contradicts itself, lint tells.
    """
    return Call(
        method="POST",
        path="/v1/ruleset-drafts",
        answer=structs.DraftAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_draft(draft_id: str, *, if_none_match: str | None = None) -> Call[structs.DraftStory]:
    """One draft with its document.

    Return a draft; its `ETag` is what a change, a publication or an end of it names in `If-Match`.
    """
    return Call(
        method="GET",
        path=path("/v1/ruleset-drafts/{draft_id}", draft_id=draft_id),
        answer=structs.DraftStory,
        headers=headers(("If-None-Match", if_none_match)),
    )


def change_draft(
    draft_id: str, body: structs.DocumentBody, *, idempotency_key: str, if_match: str
) -> Call[structs.DraftAnswer]:
    """Change a draft.

    Replace the whole document, if the draft is still as the caller has seen it.
    """
    return Call(
        method="POST",
        path=path("/v1/ruleset-drafts/{draft_id}", draft_id=draft_id),
        answer=structs.DraftAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def discard_draft(
    draft_id: str, body: structs.ReasonBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.DraftAnswer]:
    """Discard a draft.

    Have the draft change no more and never be published; it can still be read.
    """
    return Call(
        method="POST",
        path=path("/v1/ruleset-drafts/{draft_id}/discard", draft_id=draft_id),
        answer=structs.DraftAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def publish_draft(
    draft_id: str, body: structs.WindowBody, *, idempotency_key: str, if_match: str
) -> Call[structs.VersionAnswer]:
    """Publish a draft in a window.

    Publish what the caller has seen as a version that never changes, now or for later.

    A version with an open end before it ends where this one starts. `pointer` of `ruleset_invalid` leads into the
    draft's document.
    """
    return Call(
        method="POST",
        path=path("/v1/ruleset-drafts/{draft_id}/publish", draft_id=draft_id),
        answer=structs.VersionAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def withdraw_ruleset(
    ruleset_id: str, body: structs.ReasonBody, *, idempotency_key: str
) -> Call[structs.WithdrawalAnswer]:
    """Withdraw a version that has not started.

    Have it never start. Where it had closed another version, that one's rules go on as a version of their own.
    """
    return Call(
        method="POST",
        path=path("/v1/rulesets/{ruleset_id}/withdraw", ruleset_id=ruleset_id),
        answer=structs.WithdrawalAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def lint_draft(draft_id: str, body: structs.NoBody | None = None, *, idempotency_key: str) -> Call[structs.LintAnswer]:
    """What is wrong with a draft.

    Find contradictions, names of nothing, and bounds that nothing meets; nothing is changed, and none is kept.
    """
    return Call(
        method="POST",
        path=path("/v1/ruleset-drafts/{draft_id}/lint", draft_id=draft_id),
        answer=structs.LintAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def list_drafts(programme_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[structs.DraftPage]:
    """A programme's drafts, the oldest first.

    Return one page, published and discarded ones included.
    """
    return Call(
        method="GET",
        path=path("/v1/programmes/{programme_id}/drafts", programme_id=programme_id),
        answer=structs.DraftPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def list_rulesets(
    programme_id: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[structs.VersionPage]:
    """A programme's versions, the newest first.

    Return one page, staged and withdrawn ones included.
    """
    return Call(
        method="GET",
        path=path("/v1/programmes/{programme_id}/rulesets", programme_id=programme_id),
        answer=structs.VersionPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def show_ruleset_in_force(programme_id: str, *, at: datetime | str) -> Call[structs.VersionStory]:
    """The version in force at an instant.

    Return the version that decides a purchase of that instant.
    """
    return Call(
        method="GET",
        path=path("/v1/programmes/{programme_id}/ruleset", programme_id=programme_id),
        answer=structs.VersionStory,
        query=query(("at", at)),
    )


def show_ruleset(ruleset_id: str) -> Call[structs.VersionStory]:
    """One published version with its document.

    Return a version, staged and withdrawn ones included.
    """
    return Call(
        method="GET", path=path("/v1/rulesets/{ruleset_id}", ruleset_id=ruleset_id), answer=structs.VersionStory
    )


def diff_rulesets(*, before: str, after: str) -> Call[structs.DiffAnswer]:
    """What differs between two rulesets.

    Compare any two of drafts and versions; at most 1,000 differences are told.
    """
    return Call(
        method="GET",
        path="/v1/ruleset-diff",
        answer=structs.DiffAnswer,
        query=query(("before", before), ("after", after)),
    )


def backtest_ruleset(
    ruleset_id: str, body: structs.BacktestBody, *, idempotency_key: str
) -> Call[structs.BacktestStory]:
    """What recorded purchases would have cost.

    Decide recorded purchases by a draft or a version, in the order of recording; nothing is kept.

    One runs at a time, for 15 minutes at most with its wait; two of a key run or wait, and eight in all.
    """
    return Call(
        method="POST",
        path=path("/v1/rulesets/{ruleset_id}/backtests", ruleset_id=ruleset_id),
        answer=structs.BacktestStory,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def simulate_ruleset(body: structs.SimulationBody, *, idempotency_key: str) -> Call[structs.SimulatedDecision]:
    """What a purchase would earn.

    Decide a purchase at any instant, whatever window the ruleset has, by what budgets hold now; nothing is kept.
    """
    return Call(
        method="POST",
        path="/v1/rulesets/simulate",
        answer=structs.SimulatedDecision,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )
