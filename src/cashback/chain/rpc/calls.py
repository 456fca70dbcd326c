"""The calls of `ChainAdapterService`: wire in, service, wire out; nothing is decided here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from cashback.chain.model import Address
from cashback.chain.rpc import anchoring
from cashback.chain.rpc.administration import on_the_wire
from cashback.chain.rpc.messages import (
    allowance_message,
    columns_message,
    endpoint_message,
    entry_message,
    judgement_message,
    lane_message,
    log_message,
    mint_of,
    outcome_message,
    standing_message,
    view_message,
)
from cashback.chain.service.acceptance import Acceptance
from cashback.chain.service.anchoring import Anchors
from cashback.chain.service.judging import Judging
from cashback.chain.service.numbers import Numbers
from cashback.chain.service.reading import Reading
from cashback.chain.service.stream import Stream
from cashback.chain.service.tracing import accepting
from cashback.kernel.clock import monotonic_s
from cashback.kernel.errors import Invalid
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdapterServiceBase

HEARTBEAT_S: Final = 2.0


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
    judging: Judging


class Calls(ChainAdapterServiceBase):
    """Answers the adapter's callers."""

    def __init__(self, services: Services, *, stop: asyncio.Event) -> None:
        """Answer with these services; streams end when `stop` is set."""
        self._acceptance = services.acceptance
        self._reading = services.reading
        self._stream = services.stream
        self._numbers = services.numbers
        self._anchors = services.anchors
        self._judging = services.judging
        self._stop = stop

    async def submit_mints(self, message: v1.SubmitMintsRequest) -> v1.SubmitMintsResponse:
        """Accept mints, idempotent per number."""
        with accepting([mint_of(mint) for mint in message.mints]) as mints:
            admissions = await self._acceptance.submit(mints)
        return v1.SubmitMintsResponse(entries=[entry_message(admission) for admission in admissions])

    async def get_mints(self, message: v1.GetMintsRequest) -> v1.GetMintsResponse:
        """Tell how far mints have come."""
        views = await self._reading.mints(message.numbers)
        return v1.GetMintsResponse(entries=[view_message(view) for view in views])

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
                yield v1.WatchOutcomesResponse(epoch=epoch, outcomes=[outcome_message(outcome) for outcome in found])
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
            logs=[] if message.is_packed else [log_message(log) for log in found.logs],
            columns=columns_message(found.logs) if message.is_packed else None,
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
            lanes=[lane_message(lane, status.gas) for lane in status.lanes],
            endpoints=[endpoint_message(endpoint) for endpoint in status.endpoints],
            accepted_waiting=status.accepted_waiting,
            held=status.held,
            held_numbers=status.held_numbers,
            tip_floor_wei=str(status.gas.fees.tip_floor_wei),
            tip_cap_wei=str(status.gas.fees.tip_cap_wei),
            fee_cap_wei=str(status.gas.fees.cap_wei),
            allowance=None if status.allowance is None else allowance_message(status.allowance),
            halts=[on_the_wire(halt) for halt in status.halts],
            known_number=status.known.number,
            minting_told_ms_ago=status.known.minting_told_ms_ago or 0,
            anchors=anchoring.latest(status.anchors),
            head_mined_at_s=0 if status.newest is None else status.newest.timestamp,
            final_mined_at_s=0 if status.final is None else status.final.timestamp,
            standing=None if status.standing is None else standing_message(status.standing),
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

    async def verify_signature(self, message: v1.VerifySignatureRequest) -> v1.VerifySignatureResponse:
        """Judge whether an account has signed a digest."""
        judgement = await self._judging.judge(Address(message.address), message.digest, message.signature)
        return judgement_message(judgement)
