"""The calls of `ChainAdminService`: halts, lanes and cancellations, ordered by a person; nothing is decided here."""

from typing import Final

from cashback.chain.model import Address, CancelAnswer, Cancelling, Conflicting, Halt, Mint, Person, Settled
from cashback.chain.rpc.callers import certificate
from cashback.chain.service.cancelling import Cancellations
from cashback.chain.service.halting import Halting
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
        self, halting: Halting, rotation: Rotation, *, cancellations: Cancellations, releases: Releases
    ) -> None:
        """Turn this switch, set these lanes, and take orders about single mints."""
        self._halting = halting
        self._rotation = rotation
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
