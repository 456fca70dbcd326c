"""One comparison: where it begins, the sources read in order, what differs between them, and what is written down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Annotated, Final, TypeAlias

import msgspec

from cashback.chain.service.auditing import Audit
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Dsn, HostPort
from cashback.kernel.db import Database
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import ChainColumns
from cashback.ledger.model.audits import ReconciliationStory
from cashback.ledger.service import Audits, Reconciliations
from cashback.ledger.service import Readings as LedgerReadings
from cashback.ledger.service.supply import unexplained_supply
from cashback.minting import Readings as MintingReadings
from cashback.processes.reconcile.compare import UNSETTLED_AFTER_S, Bounds, judge, supply
from cashback.processes.reconcile.findings import Finding, Findings, Kind, finding
from cashback.processes.reconcile.report import Report, Totals, report_of, run_of
from cashback.processes.reconcile.sources import (
    NodeSilent,
    Sources,
    booked_supply_findings,
    contract_findings,
    finality_findings,
    last_mined_before,
    nonce_findings,
    pages,
    status_of,
)
from cashback.processes.reconcile.staging import Staging
from cashback.processes.reconcile.start import Start, start
from cashback.processes.reconcile.tables import Settling
from cashback.processes.reconcile.wallets import wallet_findings
from cashback.processes.tls import ClientTls

Reached: TypeAlias = Callable[[int, int], None]
"""Is told how many blocks of how many were read."""

BOOKS_OF_KIND_MAX: Final = 100


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the sources are; every role may only read, and the ledger's write down what was found.

    A last final block that is older than `finality_stale_s` is told.
    """

    ledger_audit_dsn: Dsn
    minting_audit_dsn: Dsn
    chain_audit_dsn: Dsn
    adapter_address: HostPort
    finality_stale_s: Annotated[int, msgspec.Meta(ge=1, le=604_800)] = 3_600


async def reconcile(
    settings: Settings,
    *,
    is_whole: bool = True,
    asked_by: str = "person",
    reached: Reached = lambda done, total: None,  # noqa: ARG005  # told to nobody
) -> Report:
    """Return the comparison, of everything or of what came after the last checkpoint; the run is written down.

    Nothing else is changed anywhere. Without a checkpoint that still holds it is of everything.

    Raises:
        Unavailable: a source did not answer.
    """
    async with opened(settings) as sources:
        began_at = sources.clock.now()
        report, totals = await compare_all(sources, is_whole=is_whole, reached=reached)
        run = run_of(report, asked_by=asked_by, began_at=began_at, ended_at=max(began_at, sources.clock.now()))
        await sources.journal.write(run, totals.checkpoint)
        return report


async def last_runs(settings: Settings, *, limit: int) -> list[ReconciliationStory]:
    """Return the newest runs, newest first, in the words of the API.

    Raises:
        Unavailable: the ledger's database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="reconcile", connections_max=1) as ledger:
        return (await Audits(ledger).reconciliations(after=None, limit=limit))[0]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Sources]:
    """Yield the doors to everything."""
    async with (
        Database.open(settings.ledger_audit_dsn.value, name="reconcile", connections_max=2) as ledger,
        Database.open(settings.minting_audit_dsn.value, name="reconcile", connections_max=1) as minting,
        Database.open(settings.chain_audit_dsn.value, name="reconcile", connections_max=1) as chain,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
    ):
        yield Sources(
            cashback=ledger,
            ledger=LedgerReadings(ledger),
            journal=Reconciliations(ledger),
            minting=MintingReadings(minting),
            chain=Audit(chain),
            adapter=adapter,
            clock=SystemClock(),
            finality_stale_s=settings.finality_stale_s,
        )


async def compare_all(sources: Sources, *, is_whole: bool, reached: Reached) -> tuple[Report, Totals]:
    """Read the chain first, then what minting and the ledger know of it; return the report and its figures."""
    status = await status_of(sources.adapter)
    findings = Findings()
    findings.take(contract_findings(status))
    findings.take(booked_supply_findings(*await unexplained_supply(sources.cashback)))
    begin = await start(sources, findings, is_whole=is_whole)
    async with AsyncExitStack() as stack:
        # The books say nothing of the chain: they are gone through while that is read.
        books = await stack.enter_async_context(_beside(_books(sources, is_whole=begin.checkpoint is None)))
        staging = await stack.enter_async_context(Staging.open(sources.cashback))
        first = await _read_chain(sources, staging, begin, reached)
        findings.take(
            finality_findings(
                status,
                at_block=first.page.at_block,
                mined_at=first.page.at_block_mined_at,
                now=sources.clock.now(),
                stale_s=sources.finality_stale_s,
            )
        )
        findings.take(await nonce_findings(sources.chain, status))
        await staging.take_records(sources.minting, after_block=begin.settled_to)
        await staging.take_requests(after_block=begin.settled_to)
        totals = await _compare(sources, staging, begin, first, findings)
        findings.take(await books)
    sums = await sources.ledger.sums()
    return report_of(begin, totals, sums, findings), totals


class ChainRead(msgspec.Struct, frozen=True):
    """The first page of the question, which says where it ends, and what holders burned in all of its blocks."""

    page: ChainColumns
    burned: int
    total_supply: int


async def _read_chain(sources: Sources, staging: Staging, begin: Start, reached: Reached) -> ChainRead:
    """Stage the chain's logs: those after the checkpoint, and before it those that were not settled then.

    Raises:
        NodeSilent: the node does not tell the supply, or lags behind what it told before.
        Unavailable: adapter or node did not answer.
    """
    first: ChainColumns | None = None
    burned = 0
    async with aclosing(pages(sources.adapter, from_block=begin.read_to + 1)) as fresh:
        async for page in fresh:
            first = first or page
            await staging.take_logs(page)
            burned += page.burned
            reached(page.covered_to_block - begin.read_to, page.at_block - begin.read_to)
    if first is None or first.total_supply is None:
        raise NodeSilent("the node does not tell the supply at its final block")
    if first.at_block < begin.read_to:
        raise NodeSilent(f"the last final block is {first.at_block}, and an earlier run went up to {begin.read_to}")
    if begin.settled_to < begin.read_to:
        async with aclosing(
            pages(sources.adapter, from_block=begin.settled_to + 1, to_block=begin.read_to)
        ) as open_then:
            async for page in open_then:
                await staging.take_logs(page)
    return ChainRead(first, burned, first.total_supply)


async def _compare(sources: Sources, staging: Staging, begin: Start, chain: ChainRead, findings: Findings) -> Totals:
    """Judge every number that is worth a look, and return the figures of the whole."""
    at_block = chain.page.at_block
    fresh = await staging.seen(after_block=begin.read_to)
    repeated, many = await staging.duplicates()
    findings.take(repeated, in_all=many)
    long_ago = chain.page.at_block_mined_at - timedelta(seconds=UNSETTLED_AFTER_S)
    settling = await staging.suspect(at_block=at_block, lost_before=long_ago)
    bounds = Bounds(
        at_block=at_block,
        lost_before=long_ago,
        unsettled_until=await _too_old(sources, long_ago, settling),
        settled_to=begin.settled_to,
    )
    async for suspect in staging.suspects():
        findings.take(judge(suspect, bounds))
    explained = await staging.explained(after_block=begin.read_to, settled_to=begin.settled_to)
    totals = Totals.of(
        begin, chain.page, fresh=fresh, explained=explained, burned=chain.burned, total_supply=chain.total_supply
    )
    findings.take(
        supply(minted=totals.logs_amount, burned=totals.burned, total_supply=totals.total_supply, at_block=at_block)
    )
    settled_to = at_block if settling is None else settling.first_block - 1
    newly = await staging.closed(after_block=begin.settled_to, to_block=settled_to)
    return totals.closed(
        begin,
        requested=await staging.requested(bounds),
        settling=0 if settling is None else settling.unsettled_in_ledger,
        settled_to=settled_to if findings.is_checkpoint else None,
        newly=newly,
    )


async def _too_old(sources: Sources, instant: datetime, settling: Settling | None) -> int:
    """Return up to which block logs that are not settled were mined before `instant`; -1 for none."""
    if settling is None:
        return -1
    return await last_mined_before(sources.adapter, instant, first=settling.first_block, last=settling.last_block)


async def _books(sources: Sources, *, is_whole: bool) -> list[Finding]:
    """Return what does not add up in the books, and wallets that differ; only a whole run goes through them."""
    if not is_whole:
        return []
    found = []
    for one in await sources.ledger.differences(limit=BOOKS_OF_KIND_MAX):
        place = f"{one.invariant} {one.kind} {one.place}"
        found.append(finding(Kind.BOOKS_DIFFER, place, expected=one.expected, found=one.found))
    return found + await wallet_findings(sources.cashback)


@asynccontextmanager
async def _beside(work: Coroutine[None, None, list[Finding]]) -> AsyncIterator[asyncio.Task[list[Finding]]]:
    """Yield a task that does `work` beside the block, and is given up with it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        elif not task.cancelled():
            # Where the block failed itself, what failed beside it is not told, and not reported as forgotten either.
            task.exception()
