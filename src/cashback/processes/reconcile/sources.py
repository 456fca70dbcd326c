"""What the chain shows, in the order in which something comes to be known: chain, then minting, then the ledger.

Whatever an earlier source shows was known to every later one before, so nothing under way looks like a difference.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec

from cashback.chain.model import Address, NonceFault
from cashback.chain.service.auditing import Audit
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.money import TOKEN_DECIMALS
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import ChainColumns, ChainStatus
from cashback.ledger.model.supply import Supply
from cashback.ledger.service import Readings as LedgerReadings
from cashback.ledger.service import Reconciliations
from cashback.minting import Readings as MintingReadings
from cashback.processes.reconcile.findings import Finding, Kind, finding

STATUS_TRIES_MAX: Final = 3
"""A node that is slow for a moment is asked so often; each time the adapter gives it a second and a half."""


class NodeSilent(Unavailable):
    """The node behind the adapter does not tell what stood at the final block; it may tell at the next one."""

    code = "node_silent"


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The doors to everything that is compared; `cashback` is the database of purchases and ledger."""

    cashback: Database
    ledger: LedgerReadings
    journal: Reconciliations
    minting: MintingReadings
    chain: Audit
    adapter: Adapter
    clock: Clock
    finality_stale_s: int


async def status_of(adapter: Adapter) -> ChainStatus:
    """Return how the adapter stands; asked again, a few times, while its nodes do not tell of the contracts.

    Raises:
        Unavailable: the adapter did not answer.
    """
    for _ in range(STATUS_TRIES_MAX - 1):
        status = await adapter.status()
        if status.standing is not None:
            return status
    return await adapter.status()


async def pages(adapter: Adapter, *, from_block: int, to_block: int = 0) -> AsyncGenerator[ChainColumns]:
    """Yield the chain's logs from a block on, the next page asked for while the caller looks at this one.

    `to_block` 0 means what is the last final block when this begins; the first page tells which that is.

    Raises:
        NodeSilent: the node lags behind what it told before.
        Unavailable: adapter or node did not answer.
    """
    page = await adapter.mint_columns(from_block=from_block, to_block=to_block)
    end = page.at_block
    while page.covered_to_block < end:
        ahead = asyncio.create_task(adapter.mint_columns(from_block=page.covered_to_block + 1, to_block=end))
        try:
            yield page
            page = await ahead
        finally:
            if not ahead.done():
                ahead.cancel()
                with suppress(asyncio.CancelledError):
                    await ahead
        if page.at_block != end:
            raise NodeSilent(f"the node has not got as far as block {end} any more")
    yield page


async def hash_at(adapter: Adapter, block: int) -> str:
    """Return the hash of a final block.

    Raises:
        NodeSilent: the node has no final block of that height.
        Unavailable: adapter or node did not answer.
    """
    page = await adapter.mint_columns(from_block=block, to_block=block)
    if page.at_block != block:
        raise NodeSilent(f"the last final block is {page.at_block}, and an earlier run went up to {block}")
    return page.at_block_hash


async def last_mined_before(adapter: Adapter, instant: datetime, *, first: int, last: int) -> int:
    """Return the last of the final blocks from `first` to `last` that was mined before `instant`, -1 when none was.

    Raises:
        Unavailable: adapter or node did not answer.
    """
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        # The shortest question there is; its answer tells the time of the block that it ends at.
        page = await adapter.mint_columns(from_block=middle, to_block=middle)
        if page.at_block_mined_at < instant:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low > first else -1


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


def contract_findings(status: ChainStatus) -> Iterator[Finding]:
    """Yield what of the contracts does not allow minting, or is not as the ledger counts.

    Raises:
        NodeSilent: no quorum of nodes told.
    """
    standing = status.standing
    if standing is None:
        raise NodeSilent("the nodes do not tell how token and minter stand")
    if standing.decimals != TOKEN_DECIMALS:
        yield finding(Kind.DECIMALS_CHANGED, "token", expected=TOKEN_DECIMALS, found=standing.decimals)
    if standing.is_paused:
        yield finding(Kind.MINTER_PAUSED, "minter", expected="not paused", found="paused")
    if not standing.is_minter:
        yield finding(Kind.ROLE_LOST, "minter", expected="MINTER_ROLE on the token", found="none")
    for lane in status.lanes:
        if lane.address not in standing.operators and not lane.is_draining:
            place = f"signer 0x{lane.address.hex()}"
            yield finding(Kind.ROLE_LOST, place, expected="OPERATOR_ROLE on the minter", found="none")


def booked_supply_findings(unexplained: int, booked: Supply | None) -> Iterator[Finding]:
    """Yield a difference when the books hold supply that nobody can explain."""
    if unexplained:
        place = "the books" if booked is None else f"the books at block {booked.at_block}"
        yield finding(Kind.SUPPLY_UNEXPLAINED, place, expected=0, found=unexplained)


def finality_findings(
    status: ChainStatus, *, at_block: int, mined_at: datetime, now: datetime, stale_s: int
) -> Iterator[Finding]:
    """Yield a difference when the last final block is older than `stale_s`, by the newest block's time or by ours."""
    newest = max(now, status.head_mined_at or now)
    if newest - mined_at > timedelta(seconds=stale_s):
        expected = f"a final block of the last {stale_s} s"
        found = f"mined at {mined_at:%Y-%m-%dT%H:%M:%SZ}; block {status.head} is the newest one"
        yield finding(Kind.STALE_FINALITY, f"block {at_block}", expected=expected, found=found)


def _nonce_finding(fault: NonceFault) -> Finding:
    """Return one fault as a difference."""
    expected = "a final slot with one mined attempt" if fault.is_final else "a slot with no mined attempt"
    found = "no slot" if fault.state is None else f"a slot in state {fault.state}"
    attempts = f"{fault.mined} mined attempts"
    place = f"nonce {fault.nonce} of 0x{fault.address.hex()}"
    return finding(Kind.NONCE_GAP, place, expected=expected, found=f"{found}, {attempts}")
