"""Books, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, path, query


def prove_cashback(cashback_id: str, *, line: int | None = None) -> Call[structs.CashbackProof]:
    """The proof of a cashback's statement lines.

    Return what anybody checks with `cashback ledger verify --proof FILE`, without asking us anything.

    The lines as they were sealed, the path from each to its root, and the seals from there to the one whose hash stands
    on the chain; `anchor` is null while none does.
    """
    return Call(
        method="GET",
        path=path("/v1/cashback/{cashback_id}/proof", cashback_id=cashback_id),
        answer=structs.CashbackProof,
        query=query(("line", line)),
    )


def list_seals(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.SealPage]:
    """Seals, the newest first.

    Return one page of the seals over the books, and how far each is on its way to the chain.
    """
    return Call(
        method="GET", path="/v1/seals", answer=structs.SealPage, query=query(("limit", limit), ("cursor", cursor))
    )


def show_seal(number: int) -> Call[structs.SealStory]:
    """One seal.

    Return a seal, and how far it is on its way to the chain.
    """
    return Call(method="GET", path=path("/v1/seals/{number}", number=number), answer=structs.SealStory)


def list_reconciliations(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.ReconciliationPage]:
    """Runs of the reconciliation, the newest first.

    Return one page of what comparing ledger, mint records and chain has found, the worker's runs and people's.
    """
    return Call(
        method="GET",
        path="/v1/reconciliations",
        answer=structs.ReconciliationPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def show_reconciliation(number: int) -> Call[structs.ReconciliationStory]:
    """One run of the reconciliation.

    Return what a run compared, and how many findings of each kind it had.
    """
    return Call(
        method="GET", path=path("/v1/reconciliations/{number}", number=number), answer=structs.ReconciliationStory
    )


def list_recomputations(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.RecomputationPage]:
    """Computations of all balances, the newest first.

    Return one page: how many balances were computed from their transfers, and how many differed.
    """
    return Call(
        method="GET",
        path="/v1/recomputations",
        answer=structs.RecomputationPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def show_trial_balance(*, at: datetime | str | None = None) -> Call[structs.TrialBalance]:
    """The trial balance of the books.

    Return every kind of account by currency with its debits and credits, which must be equal.
    """
    return Call(method="GET", path="/v1/trial-balance", answer=structs.TrialBalance, query=query(("at", at)))
