"""Programmes, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_programmes(
    *, in_force: bool | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.ProgrammePage]:
    """All programmes, the oldest first.

    Return one page, those that have ended included unless told otherwise.
    """
    return Call(
        method="GET",
        path="/v1/programmes",
        answer=structs.ProgrammePage,
        query=query(("in_force", in_force), ("limit", limit), ("cursor", cursor)),
    )


def create_programme(body: structs.ProgrammeBody, *, idempotency_key: str) -> Call[structs.ProgrammeAnswer]:
    """Start a programme that decides every purchase in its currencies from now on.

    Its name stands for its terms for ever: the same again, under whatever key, is answered with the same programme,
    others with 409. So is one of which a single purchase could earn more than the minter mints at once
    (`grant_above_limit`), as far as the chain tells.
    """
    return Call(
        method="POST",
        path="/v1/programmes",
        answer=structs.ProgrammeAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def end_programme(
    programme_id: str, body: structs.ReasonBody, *, idempotency_key: str
) -> Call[structs.ProgrammeAnswer]:
    """End a programme.

    Have it take no purchases from now on; what it granted lives on, and its currencies are free for another.
    """
    return Call(
        method="POST",
        path=path("/v1/programmes/{programme_id}/end", programme_id=programme_id),
        answer=structs.ProgrammeAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def pause_programme(programme_id: str, body: structs.OrderBody, *, idempotency_key: str) -> Call[structs.PauseAnswer]:
    """Pause a programme.

    Grant, release, expire and request nothing of it until it is resumed; what was requested goes on.
    """
    return Call(
        method="POST",
        path=path("/v1/programmes/{programme_id}/pause", programme_id=programme_id),
        answer=structs.PauseAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def resume_programme(programme_id: str, body: structs.OrderBody, *, idempotency_key: str) -> Call[structs.PauseAnswer]:
    """Resume a paused programme.

    Go on where it was paused: what became due meanwhile is done within seconds.
    """
    return Call(
        method="POST",
        path=path("/v1/programmes/{programme_id}/resume", programme_id=programme_id),
        answer=structs.PauseAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_programme(*, currency: str | None = None, if_none_match: str | None = None) -> Call[structs.ProgrammeAnswer]:
    """The programme in force.

    Return the programme in force and what is left of its budgets.
    """
    return Call(
        method="GET",
        path="/v1/programmes/current",
        answer=structs.ProgrammeAnswer,
        query=query(("currency", currency)),
        headers=headers(("If-None-Match", if_none_match)),
    )


def show_one_programme(programme_id: str, *, if_none_match: str | None = None) -> Call[structs.ProgrammeAnswer]:
    """One programme by its id, in force or ended.

    Return a programme and what is left of its budgets, also when it has ended.
    """
    return Call(
        method="GET",
        path=path("/v1/programmes/{programme_id}", programme_id=programme_id),
        answer=structs.ProgrammeAnswer,
        headers=headers(("If-None-Match", if_none_match)),
    )


def list_pauses(programme_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[structs.PausePage]:
    """When a programme was paused and resumed, the last time first.

    Return one page of its pauses and their ends, each with who ordered it and why.
    """
    return Call(
        method="GET",
        path=path("/v1/programmes/{programme_id}/pauses", programme_id=programme_id),
        answer=structs.PausePage,
        query=query(("limit", limit), ("cursor", cursor)),
    )
