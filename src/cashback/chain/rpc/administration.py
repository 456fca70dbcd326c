"""The calls of `ChainAdminService`: the halt switch and the lanes, set by a person; nothing is decided here."""

from cashback.chain.model import Address, Halt, Person
from cashback.chain.rpc.callers import certificate
from cashback.chain.service.halting import Halting
from cashback.chain.service.rotation import Rotation
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdminServiceBase


class Administration(ChainAdminServiceBase):
    """Answers the operator."""

    def __init__(self, halting: Halting, rotation: Rotation) -> None:
        """Turn this switch, and set these lanes."""
        self._halting = halting
        self._rotation = rotation

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


def _person(name: str) -> Person:
    """Return who calls: the name that was given, and that of the certificate."""
    return Person(name, certificate())


def on_the_wire(halt: Halt) -> v1.Halt:
    """Return one halt as a message."""
    return v1.Halt(
        reason=halt.reason, detail=halt.detail, by=halt.by.name, certificate=halt.by.certificate or "", at_ms=halt.at_ms
    )
