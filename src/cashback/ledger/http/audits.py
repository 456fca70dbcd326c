"""What proves and checks the books, over REST and read only: the worker seals, and operators run checks by the CLI.

All of it is the operator's: lines tell what budgets and users hold, whoever's purchase moved them.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, Terms, problems
from cashback.kernel.money import INT63_MAX
from cashback.ledger.model.audits import RecomputationStory, ReconciliationStory, SealStory, StoredDecisions
from cashback.ledger.model.proofs import CashbackProof
from cashback.ledger.model.replays import Replayed
from cashback.ledger.service import Audits, Prover, Replays

CashbackId = Annotated[str, PathParameter(description="A cashback's id, `cb_...`.")]
Number = Annotated[int, PathParameter(ge=1, lt=INT63_MAX, description="Its number, from 1 on.")]
LineAt = Annotated[
    int | None,
    QueryParameter(ge=1, le=INT63_MAX, description="Only the line at this `position` of the statement; all without."),
]


class SealPage(Page[SealStory], frozen=True):
    """One page of seals; `next_cursor` is null on the last one."""


class ReconciliationPage(Page[ReconciliationStory], frozen=True):
    """One page of the reconciliation's runs; `next_cursor` is null on the last one."""


class RecomputationPage(Page[RecomputationStory], frozen=True):
    """One page of the computations of all balances; `next_cursor` is null on the last one."""


@get(
    "/v1/cashback/{cashback_id:str}/proof",
    operation_id="proveCashback",
    summary="The proof of a cashback's statement lines",
    tags=["Books"],
    responses=problems(403, 404, 409),
)
async def prove_cashback(
    prover: NamedDependency[Prover], cashback_id: CashbackId, line: LineAt = None
) -> CashbackProof:
    """Return what anybody checks with `cashback ledger verify --proof FILE`, without asking us anything.

    The lines as they were sealed, the path from each to its root, and the seals from there to the one whose hash stands
    on the chain; `anchor` is null while none does.
    """
    return await prover.prove(cashback_id, position=line)


@get(
    "/v1/cashback/{cashback_id:str}/decisions",
    operation_id="listDecisions",
    summary="The decisions of a cashback as they are stored",
    tags=["Cashback"],
    responses=problems(403, 404),
)
async def list_decisions(replays: NamedDependency[Replays], cashback_id: CashbackId) -> StoredDecisions:
    """Return their canonical bytes with the digest, engine and version of the ruleset, the first one first."""
    return await replays.stored(cashback_id)


@get(
    "/v1/cashback/{cashback_id:str}/decisions/replay",
    operation_id="replayDecisions",
    summary="Whether a cashback's decisions come back byte for byte",
    tags=["Cashback"],
    responses=problems(403, 404),
)
async def replay_decisions(replays: NamedDependency[Replays], cashback_id: CashbackId) -> Replayed:
    """Decide a cashback anew from its stored inputs and tell what differs; nothing is changed."""
    return await replays.of_cashback(cashback_id)


@get("/v1/seals", operation_id="listSeals", summary="Seals, the newest first", tags=["Books"], responses=problems(403))
async def list_seals(audits: NamedDependency[Audits], limit: Limit = PAGE_DEFAULT, cursor: Cursor = None) -> SealPage:
    """Return one page of the seals over the books, and how far each is on its way to the chain."""
    terms = Terms.of("seals")
    items, place = await audits.seals(after=terms.place(cursor), limit=limit)
    return SealPage.of(items, terms.bound(place))


@get(
    "/v1/seals/{number:int}", operation_id="showSeal", summary="One seal", tags=["Books"], responses=problems(403, 404)
)
async def show_seal(audits: NamedDependency[Audits], number: Number) -> SealStory:
    """Return a seal, and how far it is on its way to the chain."""
    return await audits.seal(number)


@get(
    "/v1/reconciliations",
    operation_id="listReconciliations",
    summary="Runs of the reconciliation, the newest first",
    tags=["Books"],
    responses=problems(403),
)
async def list_reconciliations(
    audits: NamedDependency[Audits], limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> ReconciliationPage:
    """Return one page of what comparing ledger, mint records and chain has found, the worker's runs and people's."""
    terms = Terms.of("reconciliations")
    items, place = await audits.reconciliations(after=terms.place(cursor), limit=limit)
    return ReconciliationPage.of(items, terms.bound(place))


@get(
    "/v1/reconciliations/{number:int}",
    operation_id="showReconciliation",
    summary="One run of the reconciliation",
    tags=["Books"],
    responses=problems(403, 404),
)
async def show_reconciliation(audits: NamedDependency[Audits], number: Number) -> ReconciliationStory:
    """Return what a run compared, and how many findings of each kind it had."""
    return await audits.reconciliation(number)


@get(
    "/v1/recomputations",
    operation_id="listRecomputations",
    summary="Computations of all balances, the newest first",
    tags=["Books"],
    responses=problems(403),
)
async def list_recomputations(
    audits: NamedDependency[Audits], limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> RecomputationPage:
    """Return one page: how many balances were computed from their transfers, and how many differed."""
    terms = Terms.of("recomputations")
    items, place = await audits.recomputations(after=terms.place(cursor), limit=limit)
    return RecomputationPage.of(items, terms.bound(place))


AUDIT_ROUTES = [
    prove_cashback,
    list_decisions,
    replay_decisions,
    list_seals,
    show_seal,
    list_reconciliations,
    show_reconciliation,
    list_recomputations,
]
