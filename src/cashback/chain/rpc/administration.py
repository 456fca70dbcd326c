"""The calls of `ChainAdminService`: the halt switch, turned by a person; nothing is decided here."""

from cashback.chain.model import Halt, Person
from cashback.chain.rpc.callers import certificate
from cashback.chain.service.halting import Halting
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdminServiceBase


class Administration(ChainAdminServiceBase):
    """Answers the operator."""

    def __init__(self, halting: Halting) -> None:
        """Turn this switch."""
        self._halting = halting

    async def halt(self, message: v1.HaltRequest) -> v1.HaltResponse:
        """Halt minting."""
        found = await self._halting.halt_by_hand(by=_person(message.by), detail=message.reason)
        return v1.HaltResponse(halts=[on_the_wire(halt) for halt in found])

    async def resume(self, message: v1.ResumeRequest) -> v1.ResumeResponse:
        """Lift every halt."""
        lifted = await self._halting.resume(by=_person(message.by), because=message.reason)
        return v1.ResumeResponse(halts=[on_the_wire(halt) for halt in lifted])


def _person(name: str) -> Person:
    """Return who calls: the name that was given, and that of the certificate."""
    return Person(name, certificate())


def on_the_wire(halt: Halt) -> v1.Halt:
    """Return one halt as a message."""
    return v1.Halt(
        reason=halt.reason, detail=halt.detail, by=halt.by.name, certificate=halt.by.certificate or "", at_ms=halt.at_ms
    )
