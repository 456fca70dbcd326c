"""The life of one lane: hold its lease, make sure of where it stands, then fill it and tend it, turn by turn.

    no lease ──▶ held ──recover──▶ open ──turn──▶ open ...        lost lease, failed world: back to the start
                            └──diverged──▶ minting halted

A turn may take longer than the lease lasts, when a node hangs: the lease is renewed beside it.
"""

import asyncio
from typing import Final

import msgspec

from cashback.chain.model import ChainDiverged, ChainUnavailable, LaneNotReady, LeaseLost, RaceLost
from cashback.chain.service.anchoring import Anchoring
from cashback.chain.service.halting import Halting
from cashback.chain.service.pulse import Pulse, first_of
from cashback.chain.service.recovery import Recovery
from cashback.chain.service.retiring import Retiring
from cashback.chain.service.sequencing import Sequencer
from cashback.chain.service.tending import Tender
from cashback.chain.service.tenure import Tenure
from cashback.kernel.errors import Unavailable
from cashback.kernel.telemetry import logger

_IDLE_S: Final = 0.5
"""How often an idle lane looks by itself, in case another process accepted something."""
_TENDING_S: Final = 0.25
_TROUBLE_S: Final = 0.5
_RETRY_FIRST_S: Final = 0.05
_RETRIES_UNREMARKABLE: Final = 3
_RETRY_DOUBLINGS_MAX: Final = 8

log = logger(__name__)


class Intake(msgspec.Struct, frozen=True):
    """What a lane takes nonces for, in the order in which it looks.

    What is cancelled is more urgent than what waits anyway, and an anchor is one call, now and then.
    """

    retiring: Retiring
    anchoring: Anchoring
    sequencer: Sequencer


class LaneLoop:
    """Runs one signer's lane."""

    def __init__(
        self,
        *,
        name: str,
        tenure: Tenure,
        recovery: Recovery,
        intake: Intake,
        tender: Tender,
        halting: Halting,
        wake: Pulse,
    ) -> None:
        """Run with the parts of one lane; `wake` beats when there is something to take or a slot became free."""
        self.name = name
        self._tenure = tenure
        self._recovery = recovery
        self._intake = intake
        self._tender = tender
        self._halting = halting
        self._wake = wake
        self._recovered: int | None = None
        self._retries = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Serve the lane until `stop` is set, whatever the world does; then give the lease back."""
        while not stop.is_set():
            ticket = self._wake.ticket()
            rest_s = await self._turn()
            if rest_s > 0:
                await first_of(stop, ticket, timeout_s=rest_s)
        try:
            await self._tenure.release()
        except Unavailable as failure:
            log.warning("lease.kept", problem=failure.detail)

    async def _turn(self) -> float:
        """Do what can be done now; return for how many seconds to rest unless woken."""
        try:
            await self._halting.look()
            rest_s = await self._tenure.keep(self._serve()) if await self._tenure.hold() else _IDLE_S
        except (LeaseLost, RaceLost) as failure:
            return self._retry(failure)
        except LaneNotReady as failure:
            log.info("lane.waited", reason="earlier_transactions_not_final", problem=failure.detail)
            return _TROUBLE_S
        except Unavailable as failure:
            log.warning("lane.interrupted", problem=failure.detail, code=failure.code)
            return _TROUBLE_S
        except ChainDiverged:
            # Minting is halted where this was seen. The lane goes on looking, so that a lifted halt needs no restart.
            return _TROUBLE_S
        self._retries = 0
        return rest_s

    def _retry(self, failure: LeaseLost | RaceLost) -> float:
        """Return when to try again what was overtaken: soon at first, then more and more slowly, and saying so once."""
        self._retries += 1
        tell = log.warning if self._retries == _RETRIES_UNREMARKABLE + 1 else log.info
        tell("lane.retried", problem=failure.detail, times=self._retries)
        return min(_RETRY_FIRST_S * (1 << min(self._retries - 1, _RETRY_DOUBLINGS_MAX)), _IDLE_S)

    async def _serve(self) -> float:
        """Make sure of the lane if it was just taken; then fill it and tend it once."""
        if self._recovered != self._tenure.token:
            token = self._tenure.token
            await self._recovery.make_sure()
            self._recovered = token
        unavailable: ChainUnavailable | None = None
        dues: list[float | None] = []
        intake = self._intake
        try:
            dues = [await turn() for turn in (intake.retiring.turn, intake.anchoring.turn, intake.sequencer.turn)]
        except ChainUnavailable as failure:
            # What is signed already needs no answer to what else may be: it is sent again all the same.
            unavailable = failure
        is_busy = await self._tender.turn(is_idle=unavailable is None and all(due_s is None for due_s in dues))
        if unavailable is not None:
            raise unavailable
        return min([_TENDING_S if is_busy else _IDLE_S, *(due_s for due_s in dues if due_s is not None)])
