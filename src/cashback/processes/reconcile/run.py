"""One comparison: the sources read in order, and what differs between them."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from cashback.chain.service.auditing import Audit
from cashback.kernel.config import Dsn, HostPort
from cashback.kernel.db import Database
from cashback.ledger import Difference
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import State, Sum
from cashback.ledger.service import Readings as LedgerReadings
from cashback.minting import Readings as MintingReadings
from cashback.processes.reconcile.compare import (
    UNSETTLED_AFTER_S,
    Finding,
    Kind,
    Requested,
    Seen,
    Unsettled,
    compare,
    finding,
    index,
    settling,
    supply,
    unexpected,
    unrequested,
    unsettled,
)
from cashback.processes.reconcile.sources import (
    ChainSeen,
    Sources,
    chain_seen,
    last_mined_before,
    nonce_findings,
    stretches,
)
from cashback.processes.reconcile.wallets import wallet_findings
from cashback.processes.tls import ClientTls


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the sources are; every role may only read."""

    ledger_audit_dsn: Dsn
    minting_audit_dsn: Dsn
    chain_audit_dsn: Dsn
    adapter_address: HostPort


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, at which final block, and what differs; amounts are base units of the token."""

    at_block: int
    at_block_hash: str
    total_supply: int
    burned: int
    logs: int
    logs_amount: int
    requested: int
    minted: int
    minted_amount: int
    settling: int
    in_flight: int
    in_flight_amount: int
    stuck: int
    waiting: int
    declined: int
    findings: list[Finding]

    @property
    def is_drained(self) -> bool:
        """Tell whether every cashback has reached its end, and every settled mint its final block."""
        return not (self.in_flight or self.waiting or self.settling or self.minted > self.logs)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What going through all requests brought: how many there are, which are not settled yet, and what differs."""

    requested: int
    settling: list[Unsettled]
    findings: list[Finding]


async def reconcile(settings: Settings) -> Report:
    """Return the whole comparison; nothing is changed anywhere.

    Raises:
        Unavailable: a source did not answer.
    """
    async with (
        Database.open(settings.ledger_audit_dsn.value, name="reconcile", connections_max=1) as ledger,
        Database.open(settings.minting_audit_dsn.value, name="reconcile", connections_max=1) as minting,
        Database.open(settings.chain_audit_dsn.value, name="reconcile", connections_max=1) as chain,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
    ):
        return await compare_all(
            Sources(
                cashback=ledger,
                ledger=LedgerReadings(ledger),
                minting=MintingReadings(minting),
                chain=Audit(chain),
                adapter=adapter,
            )
        )


async def compare_all(sources: Sources) -> Report:
    """Read the chain first, then what minting and the ledger know of it; return the report."""
    status = await sources.adapter.status()
    chain = await chain_seen(sources.adapter)
    logs, findings = index(chain.logs)
    findings += await nonce_findings(sources.chain, status)
    compared = await _compare_requests(sources, logs, at_block=chain.at_block)
    findings += compared.findings
    findings += await _overdue(sources, chain, compared.settling)
    minted = sum(log.amount for log in chain.logs)
    findings += supply(minted=minted, burned=chain.burned, total_supply=chain.total_supply, at_block=chain.at_block)
    findings += [_unbalanced(difference) for difference in await sources.ledger.differences()]
    findings += await wallet_findings(sources.cashback)
    return _report(chain, compared, await sources.ledger.sums(), findings)


async def _compare_requests(sources: Sources, logs: Mapping[int, Seen], *, at_block: int) -> Compared:
    """Hold every request against its log and its record, and every log and record against the requests."""
    findings: list[Finding] = []
    known: set[int] = set()
    strays: dict[int, Requested] = {}
    under_way: list[Unsettled] = []
    async for stretch in stretches(sources.ledger, sources.minting):
        findings += compare(stretch.requested, stretch.records, logs, at_block=at_block)
        numbers = {mint.number for mint in stretch.requested}
        strays |= {number: record for number, record in stretch.records.items() if number not in numbers}
        known |= numbers
        under_way += settling(stretch.requested, stretch.records, logs)
    findings += unexpected(logs, known)
    findings += unrequested(strays, known)
    return Compared(requested=len(known), settling=under_way, findings=findings)


async def _overdue(sources: Sources, chain: ChainSeen, under_way: list[Unsettled]) -> list[Finding]:
    """Return a difference for every mint that should have been settled long ago."""
    instant = chain.at_block_mined_at - timedelta(seconds=UNSETTLED_AFTER_S)
    blocks = {one.log.block_number for one in under_way}
    return list(unsettled(under_way, until_block=await last_mined_before(sources.adapter, instant, blocks)))


def _unbalanced(difference: Difference) -> Finding:
    """Return what does not add up in the books as a difference."""
    place = f"{difference.invariant} {difference.kind} {difference.place}"
    return finding(Kind.BOOKS_DIFFER, place, expected=difference.expected, found=difference.found)


def _report(chain: ChainSeen, compared: Compared, sums: Mapping[State, Sum], findings: list[Finding]) -> Report:
    """Return the report."""
    return Report(
        at_block=chain.at_block,
        at_block_hash=chain.at_block_hash,
        total_supply=chain.total_supply,
        burned=chain.burned,
        logs=len(chain.logs),
        logs_amount=sum(log.amount for log in chain.logs),
        requested=compared.requested,
        minted=sums[State.MINTED].cashbacks,
        minted_amount=sums[State.MINTED].token_units,
        settling=sum(one.mint.minted_in_block is None for one in compared.settling),
        in_flight=sums[State.MINT_REQUESTED].cashbacks,
        in_flight_amount=sums[State.MINT_REQUESTED].token_units,
        stuck=sums[State.STUCK].cashbacks,
        waiting=sums[State.APPROVED].cashbacks,
        declined=sums[State.DECLINED].cashbacks,
        findings=findings,
    )
