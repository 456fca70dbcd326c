"""Cashback, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def review_cashback(cashback_id: str, body: structs.ReviewBody, *, idempotency_key: str) -> Call[structs.ReviewAnswer]:
    """Approve or reject a cashback in review.

    Write down a person's verdict; once enough is said the ledger's worker does it, within seconds.

    Above the programme's second amount two people must approve: the same one twice is refused with
    `second_person_required`.
    """
    return Call(
        method="POST",
        path=path("/v1/cashback/{cashback_id}/review", cashback_id=cashback_id),
        answer=structs.ReviewAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def list_adjustments(
    *, user_id: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.AdjustmentPage]:
    """Cashback that people gave or took back, newest first.

    Return one page of adjustments, of one user or of all, each with its cashback as that stands now.
    """
    return Call(
        method="GET",
        path="/v1/adjustments",
        answer=structs.AdjustmentPage,
        query=query(("user_id", user_id), ("limit", limit), ("cursor", cursor)),
    )


def create_adjustment(
    body: structs.CreditBody | structs.DebitBody, *, idempotency_key: str
) -> Call[structs.AdjustmentAnswer]:
    """Give or take back cashback by hand.

    Give a user cashback that no purchase earned, or take back a part of a cashback, in one transaction.

    A credit above the programme's review amount waits for another person. A debit before the mint gives the money back
    to whoever paid; afterwards the user owes tokens, which are kept from what they earn next. Tokens are never seized.
    """
    return Call(
        method="POST",
        path="/v1/adjustments",
        answer=structs.AdjustmentAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_adjustment(adjustment_id: str) -> Call[structs.AdjustmentAnswer]:
    """One adjustment.

    Return who gave or took back how much, why, and how the cashback stands now.
    """
    return Call(
        method="GET",
        path=path("/v1/adjustments/{adjustment_id}", adjustment_id=adjustment_id),
        answer=structs.AdjustmentAnswer,
    )


def list_cashbacks(
    *,
    state: structs.State | None = None,
    user_id: str | None = None,
    merchant_id: str | None = None,
    programme_id: str | None = None,
    order: structs.Order | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.CashbackPage]:
    """Cashbacks of all users, newest first.

    Return one page of cashbacks in the order in which they were decided; a merchant sees what was earned with it.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 cashbacks are looked at for it.
    """
    return Call(
        method="GET",
        path="/v1/cashback",
        answer=structs.CashbackPage,
        query=query(
            ("state", state),
            ("user_id", user_id),
            ("merchant_id", merchant_id),
            ("programme_id", programme_id),
            ("order", order),
            ("limit", limit),
            ("cursor", cursor),
        ),
    )


def list_decisions(cashback_id: str) -> Call[structs.StoredDecisions]:
    """The decisions of a cashback as they are stored.

    Return their canonical bytes with the digest, engine and version of the ruleset, the first one first.
    """
    return Call(
        method="GET",
        path=path("/v1/cashback/{cashback_id}/decisions", cashback_id=cashback_id),
        answer=structs.StoredDecisions,
    )


def replay_decisions(cashback_id: str) -> Call[structs.Replayed]:
    """Whether a cashback's decisions come back byte for byte.

    Decide a cashback anew from its stored inputs and tell what differs; nothing is changed.
    """
    return Call(
        method="GET",
        path=path("/v1/cashback/{cashback_id}/decisions/replay", cashback_id=cashback_id),
        answer=structs.Replayed,
    )


def show_cashback(cashback_id: str) -> Call[structs.CashbackStory]:
    """One cashback with its whole timeline.

    Return a cashback, why it was granted or declined, and how far its mint has come; a merchant sees its own.
    """
    return Call(
        method="GET", path=path("/v1/cashback/{cashback_id}", cashback_id=cashback_id), answer=structs.CashbackStory
    )


def explain_cashback(cashback_id: str) -> Call[structs.Explanation]:
    """Why a cashback was decided so.

    Return every step of the stored decision: the rules that counted and those that did not, limits, lines.
    """
    return Call(
        method="GET",
        path=path("/v1/cashback/{cashback_id}/explanation", cashback_id=cashback_id),
        answer=structs.Explanation,
    )


def list_reviews(
    *, programme_id: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.ReviewPage]:
    """Cashbacks that wait for a person's verdict, oldest first.

    Return one page of the queue, with what was said of each so far.
    """
    return Call(
        method="GET",
        path="/v1/reviews",
        answer=structs.ReviewPage,
        query=query(("programme_id", programme_id), ("limit", limit), ("cursor", cursor)),
    )


def list_expiring(*, within_days: int | None = None, limit: int | None = None) -> Call[structs.ExpiringList]:
    """Approved cashbacks that expire soon for want of a wallet.

    Return those that expire within so many days, soonest first: time to remind their users.
    """
    return Call(
        method="GET",
        path="/v1/expiring",
        answer=structs.ExpiringList,
        query=query(("within_days", within_days), ("limit", limit)),
    )
