"""The calls of `ChainAdapterService`: wire in, service, wire out; nothing is decided here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from cashback.chain.model import (
    Address,
    Admission,
    Admitted,
    Allowance,
    Conflicting,
    Mint,
    MintedLog,
    MintView,
    Outcome,
    Standing,
)
from cashback.chain.rpc import anchoring
from cashback.chain.rpc.administration import on_the_wire
from cashback.chain.rules import gas_money
from cashback.chain.rules.gas_money import GasLimits
from cashback.chain.service.acceptance import Acceptance
from cashback.chain.service.anchoring import Anchors
from cashback.chain.service.numbers import Numbers
from cashback.chain.service.reading import Reading
from cashback.chain.service.status import EndpointStatus, LaneStatus
from cashback.chain.service.stream import Stream
from cashback.kernel.clock import monotonic_s
from cashback.kernel.errors import Invalid
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdapterServiceBase

HEARTBEAT_S: Final = 2.0

_STATES: Final = {
    "unknown": v1.MintState.UNKNOWN,
    "accepted": v1.MintState.ACCEPTED,
    "submitted": v1.MintState.SUBMITTED,
    "included": v1.MintState.INCLUDED,
    "safe": v1.MintState.SAFE,
    "final": v1.MintState.FINAL,
    "refused": v1.MintState.REFUSED,
    "held": v1.MintState.HELD,
}
_KINDS: Final = {"minted": v1.OutcomeKind.MINTED, "failed": v1.OutcomeKind.FAILED, "reverted": v1.OutcomeKind.REVERTED}


class TellerUnknown(Invalid):
    """Nobody who knows mint numbers was named."""

    code = "teller_unknown"


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the adapter's callers are answered with."""

    acceptance: Acceptance
    reading: Reading
    stream: Stream
    numbers: Numbers
    anchors: Anchors


class Calls(ChainAdapterServiceBase):
    """Answers the adapter's callers."""

    def __init__(self, services: Services, *, stop: asyncio.Event) -> None:
        """Answer with these services; streams end when `stop` is set."""
        self._acceptance = services.acceptance
        self._reading = services.reading
        self._stream = services.stream
        self._numbers = services.numbers
        self._anchors = services.anchors
        self._stop = stop

    async def submit_mints(self, message: v1.SubmitMintsRequest) -> v1.SubmitMintsResponse:
        """Accept mints, idempotent per number."""
        admissions = await self._acceptance.submit([_mint(mint) for mint in message.mints])
        return v1.SubmitMintsResponse(entries=[_entry(admission) for admission in admissions])

    async def get_mints(self, message: v1.GetMintsRequest) -> v1.GetMintsResponse:
        """Tell how far mints have come."""
        views = await self._reading.mints(message.numbers)
        return v1.GetMintsResponse(entries=[_view(view) for view in views])

    async def watch_outcomes(self, message: v1.WatchOutcomesRequest) -> AsyncIterator[v1.WatchOutcomesResponse]:
        """Stream outcomes after the cursor, at once when they are written; a heartbeat when there are none.

        A cursor of this epoch that is ahead of the stream is refused as `cursor_ahead`, one whose last outcome was of
        another number as `cursor_foreign`, at any time: the database was restored to before what the caller has read,
        and other outcomes get the same sequences.
        """
        epoch = await self._stream.epoch()
        after, number = (message.after_sequence, message.after_number) if message.epoch == epoch else (0, 0)
        spoke_at_s = float("-inf")
        while not self._stop.is_set():
            found = await self._stream.read_or_wait(epoch=epoch, after=after, after_number=number, stop=self._stop)
            if found or monotonic_s() - spoke_at_s >= HEARTBEAT_S:
                yield v1.WatchOutcomesResponse(epoch=epoch, outcomes=[_outcome(outcome) for outcome in found])
                spoke_at_s = monotonic_s()
                after, number = (found[-1].sequence, found[-1].mint.number) if found else (after, number)

    async def get_balances(self, message: v1.GetBalancesRequest) -> v1.GetBalancesResponse:
        """Return on-chain balances at one block."""
        balances, block = await self._reading.balances([Address(address) for address in message.addresses])
        return v1.GetBalancesResponse(
            balances=[str(balance) for balance in balances], block_number=block.number, block_hash=block.hash
        )

    async def list_mint_logs(self, message: v1.ListMintLogsRequest) -> v1.ListMintLogsResponse:
        """Return the chain's own mints in final blocks."""
        found = await self._reading.mint_logs(from_block=message.from_block, to_block=message.to_block)
        return v1.ListMintLogsResponse(
            logs=[] if message.is_packed else [_log(log) for log in found.logs],
            columns=_columns(found.logs) if message.is_packed else None,
            covered_to_block=found.covered_to_block,
            at_block=found.end.number,
            at_block_hash=found.end.hash,
            total_supply="" if found.supply_at_end is None else str(found.supply_at_end),
            burned=str(found.burned),
            from_block=found.from_block,
            at_block_mined_at_s=found.end.timestamp,
        )

    async def get_status(self, message: v1.GetStatusRequest) -> v1.GetStatusResponse:
        """Tell the state of this adapter."""
        del message
        status = await self._reading.status()
        return v1.GetStatusResponse(
            chain_id=status.network.chain_id,
            token=status.network.token,
            minter=status.network.minter,
            head=status.head,
            safe=max(status.network.safe_block, 0),
            final=max(status.network.final_block, 0),
            total_supply="" if status.total_supply is None else str(status.total_supply),
            halted_reason=status.network.halted_reason or "",
            epoch=status.network.epoch,
            lanes=[_lane(lane, status.gas) for lane in status.lanes],
            endpoints=[_endpoint(endpoint) for endpoint in status.endpoints],
            accepted_waiting=status.accepted_waiting,
            held=status.held,
            held_numbers=status.held_numbers,
            tip_floor_wei=str(status.gas.fees.tip_floor_wei),
            tip_cap_wei=str(status.gas.fees.tip_cap_wei),
            fee_cap_wei=str(status.gas.fees.cap_wei),
            allowance=None if status.allowance is None else _allowance(status.allowance),
            halts=[on_the_wire(halt) for halt in status.halts],
            known_number=status.known.number,
            minting_told_ms_ago=status.known.minting_told_ms_ago or 0,
            anchors=anchoring.latest(status.anchors),
            head_mined_at_s=0 if status.newest is None else status.newest.timestamp,
            final_mined_at_s=0 if status.final is None else status.final.timestamp,
            standing=None if status.standing is None else _standing(status.standing),
        )

    async def anchor_of(self, message: v1.AnchorOfRequest) -> v1.AnchorOfResponse:
        """Tell how far the anchor of one place is."""
        return v1.AnchorOfResponse(anchor=anchoring.on_the_wire(await self._anchors.of(message.up_to)))

    async def latest_anchor(self, message: v1.LatestAnchorRequest) -> v1.LatestAnchorResponse:
        """Tell the newest anchor, and the newest that is final."""
        del message
        return anchoring.latest(await self._anchors.latest())

    async def tell_number(self, message: v1.TellNumberRequest) -> v1.TellNumberResponse:
        """Remember what minting knows, and hold the ledger against what is known."""
        if message.teller == v1.NumberTeller.LEDGER:
            known, is_behind = await self._numbers.compare(message.number)
            return v1.TellNumberResponse(is_behind=is_behind, known_number=known.number)
        if message.teller != v1.NumberTeller.MINTING:
            raise TellerUnknown("a number is told by minting or by the ledger", pointer="teller")
        return v1.TellNumberResponse(known_number=(await self._numbers.take(message.number)).number)


def _log(log: MintedLog) -> v1.ListMintLogsResponseLog:
    """Return one mint of the chain."""
    return v1.ListMintLogsResponseLog(
        number=log.number,
        recipient=log.recipient,
        amount=str(log.amount),
        block_number=log.place.block_number,
        transaction_hash=log.place.transaction_hash,
    )


def _columns(logs: Sequence[MintedLog]) -> v1.ListMintLogsResponseColumns:
    """Return mints of the chain as columns."""
    return v1.ListMintLogsResponseColumns(
        numbers=b"".join([log.number.to_bytes(8) for log in logs]),
        recipients=b"".join([log.recipient for log in logs]),
        amounts=b"".join([log.amount.to_bytes(32) for log in logs]),
        block_numbers=b"".join([log.place.block_number.to_bytes(8) for log in logs]),
        transaction_hashes=b"".join([log.place.transaction_hash for log in logs]),
    )


def _standing(standing: Standing) -> v1.GetStatusResponseStanding:
    """Return what the contracts say of themselves."""
    return v1.GetStatusResponseStanding(
        decimals=standing.decimals,
        is_paused=standing.is_paused,
        is_minter=standing.is_minter,
        operators=list(standing.operators),
    )


def _mint(mint: v1.Mint) -> Mint:
    """Return a submitted entry; whether it can be minted is decided behind."""
    return Mint(mint.number, mint.cashback_id, Address(mint.recipient), mint.amount, mint.traceparent or None)


def _entry(admission: Admission) -> v1.SubmitMintsResponseEntry:
    """Return what became of one entry."""
    match admission:
        case Admitted(number):
            return v1.SubmitMintsResponseEntry(number=number, result=v1.SubmitResult.ACCEPTED)
        case Conflicting(number, reason):
            return v1.SubmitMintsResponseEntry(number=number, result=v1.SubmitResult.CONFLICT, reason=reason)
        case _:
            return v1.SubmitMintsResponseEntry(
                number=admission.number, result=v1.SubmitResult.INVALID, reason=admission.reason
            )


def _view(view: MintView) -> v1.GetMintsResponseEntry:
    """Return how far one mint has come."""
    return v1.GetMintsResponseEntry(
        number=view.number,
        state=_STATES[view.state],
        transaction_hash=view.transaction_hash,
        block_number=view.block_number,
        block_hash=view.block_hash,
        accepted_at_ms=view.accepted_at_ms,
        submitted_at_ms=view.submitted_at_ms,
        included_at_ms=view.included_at_ms,
        final_at_ms=view.final_at_ms,
        held_at_ms=view.held_at_ms,
        reason=view.reason,
    )


def _outcome(outcome: Outcome) -> v1.Outcome:
    """Return one outcome."""
    return v1.Outcome(
        sequence=outcome.sequence,
        kind=_KINDS[outcome.kind],
        number=outcome.mint.number,
        cashback_id=outcome.mint.cashback_id,
        recipient=outcome.mint.recipient,
        amount=outcome.mint.amount,
        transaction_hash=outcome.place.transaction_hash,
        block_number=outcome.place.block_number,
        block_hash=outcome.place.block_hash,
        reason=outcome.reason,
        reversals=outcome.reversals,
    )


def _allowance(allowance: Allowance) -> v1.Allowance:
    """Return what gas costs and what may be minted."""
    return v1.Allowance(
        base_fee_wei=str(allowance.base_fee_wei),
        is_paused=allowance.is_paused,
        capacity=str(allowance.capacity),
        window_s=allowance.window_s,
        available=str(allowance.available),
        supply_cap=str(allowance.supply_cap),
    )


def _lane(status: LaneStatus, limits: GasLimits) -> v1.GetStatusResponseLane:
    """Return one lane."""
    is_told = bool(status.mined_nonce or status.gas_money_wei)
    return v1.GetStatusResponseLane(
        gas_batches=gas_money.batches_left(status.gas_money_wei, limits),
        gas_level=gas_money.level(status.gas_money_wei, limits) if is_told else "",
        address=status.lane.address,
        next_nonce=status.lane.next_nonce,
        mined_nonce=status.mined_nonce,
        final_nonce=status.final_nonce,
        pending_nonce=status.pending_nonce,
        gas_money_wei=str(status.gas_money_wei),
        in_flight=status.lane.open_slots,
        waits_for=status.lane.waits_for or "",
        is_draining=status.lane.state == "draining",
        is_drained=status.lane.is_drained,
    )


def _endpoint(status: EndpointStatus) -> v1.GetStatusResponseEndpoint:
    """Return one endpoint."""
    return v1.GetStatusResponseEndpoint(
        name=status.name, is_healthy=status.is_healthy, head=status.head, problem=status.problem
    )
