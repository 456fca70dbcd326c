"""The running adapter as its operator reaches it: over gRPC, from another process, with no chain and no key at hand."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from cashback.chain.gateway.anchor_answers import latest_anchors
from cashback.chain.gateway.cancel_answers import cancel_answers
from cashback.chain.gateway.recovered import to_recovered
from cashback.chain.model import (
    AdapterRefused,
    AdapterUnavailable,
    AdapterView,
    Address,
    Allowance,
    CancelAnswer,
    EndpointView,
    Halt,
    LaneView,
    Mint,
    NotHalted,
    Person,
    Recovered,
)
from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.unreached import why_unanswered
from cashback.wire.answers import AnswerCodec, ReasonCodec, Unintelligible, reason_of, understood
from cashback.wire.cashback.chain import v1

DEADLINE_S: Final = 5.0
RECOVER_DEADLINE_S: Final = 300.0
"""Recovering asks the nodes for a few dozen blocks, and changes in one transaction whatever is void."""
_ADDRESS_BYTES: Final = 20

_WORLD: Final = frozenset(
    {
        Status.UNAVAILABLE,
        Status.DEADLINE_EXCEEDED,
        Status.RESOURCE_EXHAUSTED,
        Status.INTERNAL,
        Status.UNKNOWN,
        Status.CANCELLED,
        Status.ABORTED,
    }
)
"""What says nothing against the call itself: the same one may work later."""


class Adapter:
    """The blockchain adapter as a person who administers it sees it."""

    def __init__(self, channel: Channel) -> None:
        """Speak over `channel`, which connects with the first call."""
        self._stub = v1.ChainAdapterServiceStub(channel)
        self._admin = v1.ChainAdminServiceStub(channel)

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator["Adapter"]:
        """Yield the adapter at `host:port`; one that is down is no error here. Without `tls` in plain text."""
        host, _, port = address.rpartition(":")
        channel = Channel(host, int(port), codec=AnswerCodec(), status_details_codec=ReasonCodec(), ssl=tls)
        try:
            yield cls(channel)
        finally:
            channel.close()

    async def status(self) -> AdapterView:
        """Return how the adapter stands.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s.
            AdapterRefused: this caller may not ask.
        """
        async with _failures_named("GetStatus"):
            answer = await self._stub.get_status(v1.GetStatusRequest(), timeout=DEADLINE_S)
            with understood():
                return _status(answer)

    async def halts(self) -> list[Halt]:
        """Return the open halts, oldest first; none when minting goes on.

        Raises:
            As `status`.
        """
        return (await self.status()).halts

    async def halt(self, *, by: str, reason: str) -> list[Halt]:
        """Halt minting in the name of a person, and return every halt that is open now; safe to repeat.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s; it may be halted or not.
            AdapterRefused: this caller may not, or who and why are not as they must be.
        """
        async with _failures_named("Halt"):
            answer = await self._admin.halt(v1.HaltRequest(by=by, reason=reason), timeout=DEADLINE_S)
            with understood():
                return _halts(answer.halts)

    async def resume(self, *, by: str, reason: str) -> list[Halt]:
        """Lift every halt in the name of a person, and return them.

        Raises:
            NotHalted: there was none.
            AdapterUnavailable: no intelligible answer within 5 s; it may be lifted or not.
            AdapterRefused: this caller may not, or who and why are not as they must be.
        """
        async with _failures_named("Resume"):
            answer = await self._admin.resume(v1.ResumeRequest(by=by, reason=reason), timeout=DEADLINE_S)
            with understood():
                return _halts(answer.halts)

    async def set_lane(self, signer: Address, *, is_draining: bool, by: str, reason: str) -> bool:
        """Let a signer's lane only finish what it has, or take mints again; return whether that is news.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s; it may be set or not.
            AdapterRefused: this caller may not, no lane has this signer, or no other lane would be left.
        """
        request = v1.SetLaneRequest(by=by, reason=reason, address=signer, is_draining=is_draining)
        async with _failures_named("SetLane"):
            answer = await self._admin.set_lane(request, timeout=DEADLINE_S)
            with understood():
                return bool(answer.is_news)

    async def cancel(self, mints: Sequence[Mint], *, by: str, reason: str) -> list[CancelAnswer]:
        """Cancel mints in the name of a person, and return how far each cancellation is, in order; safe to repeat.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s; it may be noted or not.
            AdapterRefused: this caller may not, or the order is not as it must be.
        """
        asked = [
            v1.Mint(number=one.number, cashback_id=one.cashback_id, recipient=one.recipient, amount=one.amount)
            for one in mints
        ]
        async with _failures_named("CancelMints"):
            answer = await self._admin.cancel_mints(
                v1.CancelMintsRequest(by=by, reason=reason, mints=asked), timeout=DEADLINE_S
            )
            with understood():
                return cancel_answers(answer.entries, mints)

    async def release(self, numbers: Sequence[int], *, by: str, reason: str) -> list[int]:
        """Let held mints wait for a call again, in the name of a person; return those that were held until now.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s; they may be released or not.
            AdapterRefused: this caller may not, or the order is not as it must be.
        """
        request = v1.ReleaseMintsRequest(by=by, reason=reason, numbers=list(numbers))
        async with _failures_named("ReleaseMints"):
            answer = await self._admin.release_mints(request, timeout=DEADLINE_S)
            with understood():
                return [int(number) for number in answer.released]

    async def recover(self, *, by: str, reason: str, is_dry_run: bool) -> Recovered:
        """Bring the records in line with the chain, or see what that would change; the halt stays. Safe to repeat.

        Raises:
            NotHalted: minting is not halted.
            AdapterUnavailable: no intelligible answer within 300 s, or the nodes do not show enough; run it again.
            AdapterRefused: this caller may not, or who and why are not as they must be.
        """
        request = v1.RecoverRequest(by=by, reason=reason, is_dry_run=is_dry_run)
        async with _failures_named("Recover", within_s=RECOVER_DEADLINE_S):
            answer = await self._admin.recover(request, timeout=RECOVER_DEADLINE_S)
            with understood():
                return to_recovered(answer)


@asynccontextmanager
async def _failures_named(call: str, *, within_s: float = DEADLINE_S) -> AsyncIterator[None]:
    """Bound a call, its connecting included, and turn what gRPC raises into what the caller should do."""
    forbid_in_transaction(call)
    try:
        async with asyncio.timeout(within_s):
            yield
    except GRPCError as cause:
        raise _failure(call, cause) from cause
    except Unintelligible as cause:
        raise AdapterUnavailable(f"{call}: the blockchain adapter answered nonsense ({cause})") from cause
    except (ProtocolError, StreamTerminatedError, OSError) as cause:
        why = why_unanswered(cause, ended=StreamTerminatedError)
        raise AdapterUnavailable(f"{call}: the blockchain adapter did not answer: {why}") from cause


def _failure(call: str, cause: GRPCError) -> AdapterUnavailable | AdapterRefused | NotHalted:
    """Return what a status means to the caller."""
    if reason_of(cause) == NotHalted.code:
        return NotHalted(cause.message or "minting is not halted")
    kind = AdapterUnavailable if cause.status in _WORLD else AdapterRefused
    return kind(f"{call}: the blockchain adapter answered {cause.status.name}: {cause.message}")


def _halts(messages: Iterable[v1.Halt]) -> list[Halt]:
    """Return halts in our words."""
    return [
        Halt(
            reason=str(one.reason),
            detail=str(one.detail),
            by=Person(str(one.by), str(one.certificate) or None),
            at_ms=int(one.at_ms),
        )
        for one in messages
    ]


def _status(answer: v1.GetStatusResponse) -> AdapterView:
    """Return the adapter's state in our words.

    Raises:
        ValueError: it says what no state may say.
    """
    return AdapterView(
        chain_id=int(answer.chain_id),
        token=_address(answer.token),
        minter=_address(answer.minter),
        epoch=str(answer.epoch),
        head=int(answer.head),
        safe=int(answer.safe),
        final=int(answer.final),
        accepted_waiting=int(answer.accepted_waiting),
        held=int(answer.held),
        held_numbers=[int(number) for number in answer.held_numbers],
        total_supply=int(answer.total_supply) if answer.total_supply else None,
        tip_floor_wei=int(answer.tip_floor_wei or 0),
        tip_cap_wei=int(answer.tip_cap_wei or 0),
        fee_cap_wei=int(answer.fee_cap_wei or 0),
        allowance=None if answer.allowance is None else _allowance(answer.allowance),
        lanes=[_lane(lane) for lane in answer.lanes],
        endpoints=[_endpoint(one, furthest=int(answer.head)) for one in answer.endpoints],
        halts=_halts(answer.halts),
        minting_told_ms_ago=int(answer.minting_told_ms_ago) or None,
        anchors=latest_anchors(answer.anchors),
    )


def _allowance(message: v1.Allowance) -> Allowance:
    """Return what gas costs and what may be minted."""
    return Allowance(
        base_fee_wei=int(message.base_fee_wei),
        is_paused=bool(message.is_paused),
        capacity=int(message.capacity),
        window_s=int(message.window_s),
        available=int(message.available),
        supply_cap=int(message.supply_cap),
    )


def _lane(lane: v1.GetStatusResponseLane) -> LaneView:
    """Return one lane; without gas money and mined nonces the node did not tell."""
    is_told = bool(lane.mined_nonce or int(lane.gas_money_wei))
    return LaneView(
        address=_address(lane.address),
        next_nonce=int(lane.next_nonce),
        final_nonce=int(lane.final_nonce),
        latest_nonce=int(lane.mined_nonce) if is_told else None,
        pending_nonce=int(lane.pending_nonce) if is_told else None,
        open_slots=int(lane.in_flight),
        waits_for=str(lane.waits_for),
        gas_money_wei=int(lane.gas_money_wei) if is_told else None,
        is_draining=bool(lane.is_draining),
        is_drained=bool(lane.is_drained),
        gas_batches=int(lane.gas_batches) if is_told else None,
        gas_level=str(lane.gas_level),
    )


def _endpoint(endpoint: v1.GetStatusResponseEndpoint, *, furthest: int) -> EndpointView:
    """Return one endpoint, beside the furthest one."""
    return EndpointView(
        name=str(endpoint.name),
        is_healthy=bool(endpoint.is_healthy),
        head=int(endpoint.head),
        lag=max(furthest - int(endpoint.head), 0) if endpoint.is_healthy else 0,
        problem=str(endpoint.problem),
    )


def _address(data: bytes) -> Address:
    """Return an address on the wire.

    Raises:
        ValueError: it is none.
    """
    if len(data) != _ADDRESS_BYTES:
        raise ValueError(f"an address is {_ADDRESS_BYTES} bytes, not {len(data)}")
    return Address(data)
