"""What the service says, as messages of the wire, and a submitted mint as the service takes it."""

from collections.abc import Sequence
from typing import Final

from cashback.chain.model import (
    Address,
    Admission,
    Admitted,
    Allowance,
    Conflicting,
    Judgement,
    Mint,
    MintedLog,
    MintView,
    Outcome,
    Standing,
)
from cashback.chain.rules import gas_money
from cashback.chain.rules.gas_money import GasLimits
from cashback.chain.service.status import EndpointStatus, LaneStatus
from cashback.wire.cashback.chain import v1

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
_VERDICTS: Final = {
    "owner": v1.SignatureVerdict.OWNER,
    "contract": v1.SignatureVerdict.CONTRACT,
    "invalid": v1.SignatureVerdict.INVALID,
}


def log_message(log: MintedLog) -> v1.ListMintLogsResponseLog:
    """Return one mint of the chain."""
    return v1.ListMintLogsResponseLog(
        number=log.number,
        recipient=log.recipient,
        amount=str(log.amount),
        block_number=log.place.block_number,
        transaction_hash=log.place.transaction_hash,
    )


def columns_message(logs: Sequence[MintedLog]) -> v1.ListMintLogsResponseColumns:
    """Return mints of the chain as columns."""
    return v1.ListMintLogsResponseColumns(
        numbers=b"".join([log.number.to_bytes(8) for log in logs]),
        recipients=b"".join([log.recipient for log in logs]),
        amounts=b"".join([log.amount.to_bytes(32) for log in logs]),
        block_numbers=b"".join([log.place.block_number.to_bytes(8) for log in logs]),
        transaction_hashes=b"".join([log.place.transaction_hash for log in logs]),
    )


def standing_message(standing: Standing) -> v1.GetStatusResponseStanding:
    """Return what the contracts say of themselves."""
    return v1.GetStatusResponseStanding(
        decimals=standing.decimals,
        is_paused=standing.is_paused,
        is_minter=standing.is_minter,
        operators=list(standing.operators),
    )


def mint_of(mint: v1.Mint) -> Mint:
    """Return a submitted entry; whether it can be minted is decided behind."""
    return Mint(mint.number, mint.cashback_id, Address(mint.recipient), mint.amount, mint.traceparent or None)


def entry_message(admission: Admission) -> v1.SubmitMintsResponseEntry:
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


def view_message(view: MintView) -> v1.GetMintsResponseEntry:
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


def outcome_message(outcome: Outcome) -> v1.Outcome:
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


def allowance_message(allowance: Allowance) -> v1.Allowance:
    """Return what gas costs and what may be minted."""
    return v1.Allowance(
        base_fee_wei=str(allowance.base_fee_wei),
        is_paused=allowance.is_paused,
        capacity=str(allowance.capacity),
        window_s=allowance.window_s,
        available=str(allowance.available),
        supply_cap=str(allowance.supply_cap),
    )


def lane_message(status: LaneStatus, limits: GasLimits) -> v1.GetStatusResponseLane:
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


def endpoint_message(status: EndpointStatus) -> v1.GetStatusResponseEndpoint:
    """Return one endpoint."""
    return v1.GetStatusResponseEndpoint(
        name=status.name, is_healthy=status.is_healthy, head=status.head, problem=status.problem
    )


def judgement_message(judgement: Judgement) -> v1.VerifySignatureResponse:
    """Return who has signed."""
    return v1.VerifySignatureResponse(
        verdict=_VERDICTS[judgement.verdict], chain_id=judgement.chain_id, block_number=judgement.block_number
    )
