"""The calls of `ChainAdminService`: a person orders halts, lanes, mints and records; nothing is decided here."""

from typing import Final

from cashback.chain.model import (
    Address,
    AdoptedLane,
    CancelAnswer,
    Cancelling,
    Conflicting,
    Exposed,
    Halt,
    Mint,
    Person,
    Recovered,
    Settled,
    TakenBack,
    UnknownMint,
)
from cashback.chain.rpc.callers import certificate
from cashback.chain.service.cancelling import Cancellations
from cashback.chain.service.halting import Halting
from cashback.chain.service.recovering import Recovering
from cashback.chain.service.releasing import Releases
from cashback.chain.service.rotation import Rotation
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdminServiceBase

_PROGRESS: Final = {
    "ordered": v1.CancelResult.ORDERED,
    "retiring": v1.CancelResult.RETIRING,
    "retired": v1.CancelResult.RETIRED,
}


class Administration(ChainAdminServiceBase):
    """Answers the operator."""

    def __init__(
        self,
        halting: Halting,
        rotation: Rotation,
        recovering: Recovering,
        *,
        cancellations: Cancellations,
        releases: Releases,
    ) -> None:
        """Turn this switch, set these lanes, bring these records in line, and take orders about single mints."""
        self._halting = halting
        self._rotation = rotation
        self._recovering = recovering
        self._cancellations = cancellations
        self._releases = releases

    async def halt(self, message: v1.HaltRequest) -> v1.HaltResponse:
        """Halt minting."""
        found = await self._halting.halt_by_hand(by=_person(message.by), detail=message.reason)
        return v1.HaltResponse(halts=[on_the_wire(halt) for halt in found])

    async def resume(self, message: v1.ResumeRequest) -> v1.ResumeResponse:
        """Lift every halt."""
        lifted = await self._halting.resume(by=_person(message.by), because=message.reason)
        return v1.ResumeResponse(halts=[on_the_wire(halt) for halt in lifted])

    async def set_lane(self, message: v1.SetLaneRequest) -> v1.SetLaneResponse:
        """Take a lane out of service, or back in."""
        act = self._rotation.drain if message.is_draining else self._rotation.restore
        is_news = await act(Address(message.address), by=_person(message.by), because=message.reason)
        return v1.SetLaneResponse(is_news=is_news)

    async def cancel_mints(self, message: v1.CancelMintsRequest) -> v1.CancelMintsResponse:
        """Cancel mints, or tell how far that is."""
        mints = [Mint(one.number, one.cashback_id, Address(one.recipient), one.amount) for one in message.mints]
        answers = await self._cancellations.cancel(mints, by=_person(message.by), because=message.reason)
        return v1.CancelMintsResponse(entries=[_entry(answer) for answer in answers])

    async def release_mints(self, message: v1.ReleaseMintsRequest) -> v1.ReleaseMintsResponse:
        """Let held mints go again."""
        released = await self._releases.release(message.numbers, by=_person(message.by), because=message.reason)
        return v1.ReleaseMintsResponse(released=released)

    async def recover(self, message: v1.RecoverRequest) -> v1.RecoverResponse:
        """Bring the records in line with the chain, or tell what that would change."""
        recovered = await self._recovering.recover(
            by=_person(message.by), because=message.reason, is_dry_run=message.is_dry_run
        )
        return _recovered(recovered)


def _entry(answer: CancelAnswer) -> v1.CancelMintsResponseEntry:
    """Return how far one cancellation is."""
    match answer:
        case Cancelling(number, progress):
            return v1.CancelMintsResponseEntry(number=number, result=_PROGRESS[progress])
        case Settled(number, reason):
            return v1.CancelMintsResponseEntry(number=number, result=v1.CancelResult.SETTLED, reason=reason)
        case Conflicting(number, reason):
            return v1.CancelMintsResponseEntry(number=number, result=v1.CancelResult.CONFLICT, reason=reason)
        case _:
            return v1.CancelMintsResponseEntry(
                number=answer.number, result=v1.CancelResult.INVALID, reason=answer.reason
            )


def _person(name: str) -> Person:
    """Return who calls: the name that was given, and that of the certificate."""
    return Person(name, certificate())


def on_the_wire(halt: Halt) -> v1.Halt:
    """Return one halt as a message."""
    return v1.Halt(
        reason=halt.reason, detail=halt.detail, by=halt.by.name, certificate=halt.by.certificate or "", at_ms=halt.at_ms
    )


def _recovered(recovered: Recovered) -> v1.RecoverResponse:
    """Return what was changed as a message."""
    return v1.RecoverResponse(
        is_reorganised=recovered.reorganised_above is not None,
        reorganised_above=max(recovered.reorganised_above or 0, 0),
        taken_back=[_taken_back(one) for one in recovered.taken_back],
        taken_back_count=recovered.taken_back_count,
        unknown=[_unknown(one) for one in recovered.unknown],
        unknown_count=recovered.unknown_count,
        lanes=[_lane(one) for one in recovered.lanes],
        exposed=[_exposed(one) for one in recovered.exposed],
        exposed_count=recovered.exposed_count,
        waiting_again=recovered.waiting_again,
        epoch_before=recovered.epoch_before,
        epoch=recovered.epoch,
    )


def _taken_back(one: TakenBack) -> v1.RecoverResponseTakenBack:
    """Return one outcome that is void."""
    return v1.RecoverResponseTakenBack(
        number=one.number,
        cashback_id=one.cashback_id,
        amount=one.amount,
        transaction_hash=one.place.transaction_hash,
        block_number=one.place.block_number,
        block_hash=one.place.block_hash,
        reason=one.reason,
    )


def _unknown(one: UnknownMint) -> v1.RecoverResponseUnknown:
    """Return one mint that nobody has submitted."""
    return v1.RecoverResponseUnknown(
        number=str(one.number),
        recipient=one.recipient,
        amount=str(one.amount),
        transaction_hash=one.transaction_hash,
        block_number=one.block_number,
    )


def _exposed(one: Exposed) -> v1.RecoverResponseExposed:
    """Return one number that our old calls could mint."""
    return v1.RecoverResponseExposed(
        number=one.number, cashback_id=one.cashback_id, amount=one.amount, signer=one.signer, nonce=one.nonce
    )


def _lane(one: AdoptedLane) -> v1.RecoverResponseLane:
    """Return one signer that goes on from the chain's nonce."""
    return v1.RecoverResponseLane(
        address=one.address,
        next_nonce_before=one.next_nonce_before,
        next_nonce=one.next_nonce,
        closed_slots=one.closed_slots,
    )
