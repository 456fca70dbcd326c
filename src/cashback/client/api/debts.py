"""Debts, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_write_offs(user_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[structs.WriteOffPage]:
    """What was given up of a user's debt, the last first.

    Return one page: by people with their reason, and by the ledger because of its age.
    """
    return Call(
        method="GET",
        path=path("/v1/debts/{user_id}/write-offs", user_id=user_id),
        answer=structs.WriteOffPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def write_off_debt(user_id: str, body: structs.WriteOffBody, *, idempotency_key: str) -> Call[structs.WriteOffAnswer]:
    """Give up what a user owes.

    Give up a user's debt, the oldest first; what was kept back for it before stays kept.
    """
    return Call(
        method="POST",
        path=path("/v1/debts/{user_id}/write-offs", user_id=user_id),
        answer=structs.WriteOffAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def list_debts(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.DebtorPage]:
    """Users in debt.

    Return who owes tokens for what was returned after its mint, how many, and since when.
    """
    return Call(
        method="GET", path="/v1/debts", answer=structs.DebtorPage, query=query(("limit", limit), ("cursor", cursor))
    )


def show_programme_debts(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.ProgrammeDebtPage]:
    """What each programme asked back, the newest first.

    Return one page of what programmes asked back of their users: requested, collected and uncollected.
    """
    return Call(
        method="GET",
        path="/v1/debts/programmes",
        answer=structs.ProgrammeDebtPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def show_debt(user_id: str) -> Call[structs.UserDebtStory]:
    """What a user was asked back.

    Return what a user was asked back: requested, collected and uncollected, and what is open since when.
    """
    return Call(method="GET", path=path("/v1/debts/{user_id}", user_id=user_id), answer=structs.UserDebtStory)
