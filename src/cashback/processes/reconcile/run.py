"""Reading the three sources in order and holding them against each other."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.ledger.gateway import Adapter, ChainLogs
from cashback.ledger.model import Cashback, State
from cashback.ledger.service import Readings as LedgerReadings
from cashback.minting import Readings as MintingReadings
from cashback.minting.model import Mint
from cashback.processes.reconcile.compare import (
    Finding,
    Kind,
    Requested,
    Seen,
    compare,
    finding,
    index,
    supply,
    unexpected,
)

STRETCH: Final = 1_000
LOGS_MAX: Final = 2_000_000
"""How many mint logs one run holds in memory; above it the run refuses rather than guesses."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the three sources are; every role may only read."""

    ledger_audit_dsn: Secret
    minting_audit_dsn: Secret
    adapter_address: str


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


class TooManyLogs(Invalid):
    """There are more mint logs than one run may hold."""

    code = "too_many_logs"


async def reconcile(settings: Settings) -> Report:
    """Return the whole comparison; nothing is changed anywhere.

    Raises:
        Unavailable: a source did not answer.
    """
    async with (
        Database.open(settings.ledger_audit_dsn.value, name="reconcile", connections_max=1) as ledger_database,
        Database.open(settings.minting_audit_dsn.value, name="reconcile", connections_max=1) as minting_database,
        Adapter.open(settings.adapter_address) as adapter,
    ):
        return await compare_all(LedgerReadings(ledger_database), MintingReadings(minting_database), adapter)


async def compare_all(ledger: LedgerReadings, minting: MintingReadings, adapter: Adapter) -> Report:
    """Read the chain first, then the ledger in stretches with minting's records beside each; return the report."""
    chain, seen = await _logs(adapter)
    status = await adapter.status()
    logs, findings = index(seen)
    known: set[int] = set()
    settling = 0
    async for stretch in _stretches(ledger):
        requested = [_requested(cashback) for cashback in stretch]
        records = await _records(minting, requested)
        known.update(mint.number for mint in requested)
        settling += sum(mint.minted_in_block is None and mint.number in logs for mint in requested)
        findings += compare(requested, records, logs, at_block=chain.at_block)
    findings += unexpected(logs, known)
    findings += supply(logs, total_supply=chain.total_supply, burned=chain.burned, at_block=chain.at_block)
    findings += [finding(Kind.NONCE_GAP, gap, expected="contiguous nonces", found=gap) for gap in status.nonce_gaps]
    findings += [
        finding(
            Kind.BOOKS_DIFFER, f"{each.invariant} {each.kind} {each.place}", expected=each.expected, found=each.found
        )
        for each in await ledger.differences()
    ]
    sums = await ledger.sums()
    return Report(
        at_block=chain.at_block,
        at_block_hash=chain.at_block_hash,
        total_supply=chain.total_supply,
        burned=chain.burned,
        logs=len(seen),
        logs_amount=sum(log.amount for log in seen),
        requested=len(known),
        minted=sums[State.MINTED].cashbacks,
        minted_amount=sums[State.MINTED].token_units,
        settling=settling,
        in_flight=sums[State.MINT_REQUESTED].cashbacks,
        in_flight_amount=sums[State.MINT_REQUESTED].token_units,
        stuck=sums[State.STUCK].cashbacks,
        waiting=sums[State.APPROVED].cashbacks,
        declined=sums[State.DECLINED].cashbacks,
        findings=findings,
    )


async def _logs(adapter: Adapter) -> tuple[ChainLogs, list[Seen]]:
    """Return the last final block with its figures, and every mint log up to it."""
    seen: list[Seen] = []
    place = 0
    while True:
        page = await adapter.mint_logs(from_block=place)
        seen += [
            Seen(
                number=log.number,
                recipient=log.recipient,
                amount=log.amount,
                block_number=log.block_number,
                transaction_hash=log.transaction_hash,
            )
            for log in page.logs
        ]
        if len(seen) > LOGS_MAX:
            raise TooManyLogs(f"more than {LOGS_MAX:,} mint logs")
        if page.covered_to_block >= page.at_block:
            return page, seen
        place = page.covered_to_block + 1


async def _stretches(ledger: LedgerReadings) -> AsyncIterator[list[Cashback]]:
    """Yield everything that was ever requested, by mint number, a stretch at a time."""
    after = 0
    while stretch := await ledger.mints(after_number=after, limit=STRETCH):
        yield stretch
        after = stretch[-1].mint_number or after


async def _records(minting: MintingReadings, requested: list[Requested]) -> dict[int, Requested]:
    """Return minting's records of the same numbers."""
    first, last = requested[0].number, requested[-1].number
    found: dict[int, Requested] = {}
    after = first - 1
    while after < last and (page := await minting.page(after=after, limit=STRETCH)):
        found |= {mint.number: _recorded(mint) for mint in page}
        after = page[-1].number
    return found


def _requested(cashback: Cashback) -> Requested:
    """Return a mint as the ledger knows it."""
    return Requested(
        number=cashback.mint_number or 0,
        cashback_id=cashback.id,
        recipient=cashback.recipient or "",
        amount=cashback.token_units,
        minted_in_block=cashback.block_number,
    )


def _recorded(mint: Mint) -> Requested:
    """Return a mint as minting knows it."""
    return Requested(
        number=mint.number,
        cashback_id=mint.cashback_id,
        recipient="0x" + mint.recipient.hex(),
        amount=mint.amount,
        minted_in_block=mint.inclusion.block_number if mint.inclusion else None,
    )
