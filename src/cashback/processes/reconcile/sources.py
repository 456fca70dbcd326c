"""Reading the three sources in the order in which something comes to be known: chain, minting, ledger.

Whatever an earlier source shows was known to every later one before, so nothing under way looks like a difference.
"""

from collections.abc import AsyncIterator, Collection, Iterator
from datetime import datetime
from typing import Final

import msgspec

from cashback.chain.model import Address, NonceFault
from cashback.chain.service.auditing import Audit
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid, Unavailable
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import Cashback, ChainLogs, ChainStatus, RetiredNumber
from cashback.ledger.service import Readings as LedgerReadings
from cashback.minting import Readings as MintingReadings
from cashback.minting.model import Mint
from cashback.processes.reconcile.compare import Finding, Kind, Requested, Seen, finding

STRETCH: Final = 1_000
LOGS_MAX: Final = 2_000_000
"""How many mint logs one run holds in memory; above it the run refuses rather than guesses."""


class TooManyLogs(Invalid):
    """There are more mint logs than one run may hold."""

    code = "too_many_logs"


class NodeSilent(Unavailable):
    """The node behind the adapter does not tell what stood at the final block; it may tell at the next one."""

    code = "node_silent"


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The doors to everything that is compared; `cashback` is the database of purchases and ledger."""

    cashback: Database
    ledger: LedgerReadings
    minting: MintingReadings
    chain: Audit
    adapter: Adapter


class ChainSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The chain up to one final block: its mint logs in order, the supply there, and what holders burned until then.

    `from_block` is where the adapter begins; of mints before it nothing is known here.
    """

    from_block: int
    at_block: int
    at_block_hash: str
    at_block_mined_at: datetime
    total_supply: int
    burned: int
    logs: list[Seen]


class Stretch(msgspec.Struct, frozen=True):
    """The mints of some numbers as the ledger and as minting knows them; minting was read first."""

    requested: list[Requested]
    records: dict[int, Requested]


async def chain_seen(adapter: Adapter) -> ChainSeen:
    """Return the chain up to what is its last final block when this begins.

    Raises:
        TooManyLogs: there are more logs than one run may hold.
        NodeSilent: the node does not tell the supply, or lags behind what it told before.
        Unavailable: adapter or node did not answer.
    """
    page = first = await adapter.mint_logs(from_block=0)
    logs, burned = list(_seen(first)), first.burned
    while page.covered_to_block < first.at_block:
        page = await adapter.mint_logs(from_block=page.covered_to_block + 1, to_block=first.at_block)
        if page.at_block != first.at_block:
            raise NodeSilent(f"the node has not got as far as block {first.at_block} any more")
        logs += _seen(page)
        burned += page.burned
        if len(logs) > LOGS_MAX:
            raise TooManyLogs(f"more than {LOGS_MAX:,} mint logs")
    if first.total_supply is None:
        raise NodeSilent(f"the node does not tell the supply at block {first.at_block}")
    return ChainSeen(
        from_block=first.from_block,
        at_block=first.at_block,
        at_block_hash=first.at_block_hash,
        at_block_mined_at=first.at_block_mined_at,
        total_supply=first.total_supply,
        burned=burned,
        logs=logs,
    )


async def last_mined_before(adapter: Adapter, instant: datetime, blocks: Collection[int]) -> int:
    """Return the last of some final `blocks` that was mined before `instant`, -1 when none was; asks about few of them.

    Raises:
        Unavailable: adapter or node did not answer.
    """
    candidates = sorted(blocks)
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        # The shortest question there is; its answer tells the time of the block that it ends at.
        page = await adapter.mint_logs(from_block=candidates[middle], to_block=candidates[middle])
        if page.at_block_mined_at < instant:
            low = middle + 1
        else:
            high = middle
    return candidates[low - 1] if low else -1


async def nonce_findings(chain: Audit, status: ChainStatus) -> list[Finding]:
    """Return a difference for every nonce that breaks I9; `status` is what the chain said of its signers before.

    Raises:
        NodeSilent: the node did not tell about a signer that seems to be at fault.
    """
    final_nonces = {Address(lane.address): lane.final_nonce for lane in status.lanes}
    faults = await chain.nonce_faults(final_nonces, final_block=status.final)
    silent = {lane.address for lane in status.lanes if not lane.is_told}
    if any(fault.address in silent for fault in faults):
        raise NodeSilent(f"the node does not tell the nonces of its signers at block {status.final}")
    return [_nonce_finding(fault) for fault in faults]


async def stretches(ledger: LedgerReadings, minting: MintingReadings) -> AsyncIterator[Stretch]:
    """Yield everything that was ever requested or recorded, a stretch of numbers at a time."""
    after = 0
    while True:
        records = await minting.page(after=after, limit=STRETCH)
        requested = await ledger.mints(after_number=after, limit=STRETCH)
        # Read last: what is given up in between is told twice rather than not at all.
        retired = await ledger.retired_numbers(after_number=after, limit=STRETCH)
        ours = {cashback.mint_number: _requested(cashback) for cashback in requested}
        ours |= {one.number: _retired(one) for one in retired}
        mints = list(ours.values())
        recorded = [_recorded(mint) for mint in records]
        if not mints and not recorded:
            return
        # A stretch of numbers, not of rows: all pages reach at least as far.
        after = min(mint.number for mint in (*mints, *recorded)) + STRETCH - 1
        yield Stretch(
            [mint for mint in mints if mint.number <= after],
            {mint.number: mint for mint in recorded if mint.number <= after},
        )


def _seen(page: ChainLogs) -> Iterator[Seen]:
    """Yield a page's logs."""
    for log in page.logs:
        yield Seen(
            number=log.number,
            recipient=log.recipient,
            amount=log.amount,
            block_number=log.block_number,
            transaction_hash=log.transaction_hash,
        )


def _nonce_finding(fault: NonceFault) -> Finding:
    """Return one fault as a difference."""
    expected = "a final slot with one mined attempt" if fault.is_final else "a slot with no mined attempt"
    found = "no slot" if fault.state is None else f"a slot in state {fault.state}"
    attempts = f"{fault.mined} mined attempts"
    place = f"nonce {fault.nonce} of 0x{fault.address.hex()}"
    return finding(Kind.NONCE_GAP, place, expected=expected, found=f"{found}, {attempts}")


def _requested(cashback: Cashback) -> Requested:
    """Return a mint as the ledger knows it."""
    return Requested(
        number=cashback.mint_number or 0,
        cashback_id=cashback.id,
        recipient=cashback.recipient or "",
        amount=cashback.requested_units or 0,
        minted_in_block=cashback.block_number,
        transaction_hash=cashback.transaction_hash,
    )


def _retired(one: RetiredNumber) -> Requested:
    """Return what the ledger had requested under a number that it gave up."""
    return Requested(
        number=one.number,
        cashback_id=one.cashback_id,
        recipient=one.recipient,
        amount=one.token_units,
        minted_in_block=None,
        is_retired=True,
    )


def _recorded(mint: Mint) -> Requested:
    """Return a mint as minting knows it."""
    return Requested(
        number=mint.number,
        cashback_id=mint.cashback_id,
        recipient="0x" + mint.recipient.hex(),
        amount=mint.amount,
        minted_in_block=mint.inclusion.block_number if mint.inclusion else None,
        transaction_hash="0x" + mint.inclusion.transaction_hash.hex() if mint.inclusion else None,
    )
