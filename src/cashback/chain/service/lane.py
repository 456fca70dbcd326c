"""The life of one lane: hold its lease, make sure of where it stands, then fill it and tend it, turn by turn.

    no lease ──▶ held ──recover──▶ open ──turn──▶ open ...        lost lease, failed world: back to the start
                            └──diverged──▶ minting halted

A turn may take longer than the lease lasts, when a node hangs: the lease is renewed beside it.

Keeps I9: the next nonce comes from the database; the chain is only asked whether it has seen more than that.
"""

import asyncio
from typing import Final

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.keys import Signer
from cashback.chain.model import ChainDiverged, LaneNotReady, LeaseLost, RaceLost
from cashback.chain.service.halting import Halting
from cashback.chain.service.pulse import Pulse, first_of
from cashback.chain.service.sequencing import Sequencer
from cashback.chain.service.tending import Tender
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import lanes, network
from cashback.kernel.db import Database
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


class LaneLoop:
    """Runs one signer's lane."""

    def __init__(
        self,
        database: Database,
        *,
        blocks: Blocks,
        signer: Signer,
        tenure: Tenure,
        sequencer: Sequencer,
        tender: Tender,
        halting: Halting,
        wake: Pulse,
    ) -> None:
        """Run with the parts of one lane; `wake` beats when there is something to take or a slot became free."""
        self._database = database
        self._blocks = blocks
        self._signer = signer
        self._tenure = tenure
        self._sequencer = sequencer
        self._tender = tender
        self._halting = halting
        self._wake = wake
        self._recovered: int | None = None
        self._quiet_since: tuple[int, int] | None = None
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
            await self._recover()
        ripens_in_s = await self._sequencer.turn()
        is_busy = await self._tender.turn()
        rests = [_TENDING_S if is_busy else _IDLE_S, *([] if ripens_in_s is None else [ripens_in_s])]
        return min(rests)

    async def _recover(self) -> None:
        """Make sure of the lane after taking its lease: open a new one, or send again what is open.

        Raises:
            ChainDiverged: the chain has seen nonces that are not in our records.
            LaneNotReady: the signer is new here and has transactions that are not final yet.
        """
        token = self._tenure.token
        async with self._database.transaction() as tx:
            lane = next((one for one in await lanes.lanes(tx) if one.address == self._signer.address), None)
            final_block = (await network.network(tx)).final_block
        seen = await self._blocks.seen_nonces(self._signer.address)
        if lane is None:
            await self._open(seen.rumoured, seen.mined, final_block)
        else:
            await self._sequencer.account_for(seen.sent)
            await self._tender.doubt()
            log.info("lane.recovered", next_nonce=lane.next_nonce, mined_nonce=seen.mined, open_slots=lane.open_slots)
        self._recovered = token

    async def _open(self, pending: int, latest: int, final_block: int) -> None:
        """Open a new lane once every transaction that its signer ever sent is final, at once when there is none.

        They are when a block is final at which they were all mined already: a node need not remember old states.
        """
        if pending != latest:
            self._quiet_since = None
            raise LaneNotReady(f"the signer has {pending - latest} transactions that no block carries")
        if latest > 0:
            since = self._quiet_since or (latest, (await self._blocks.latest()).number)
            self._quiet_since = since if since[0] == latest else None
            if self._quiet_since is None or final_block < since[1]:
                raise LaneNotReady(f"the signer's {latest} transactions are certain once block {since[1]} is final")
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            await lanes.open_lane(tx, address=self._signer.address, next_nonce=latest)
        log.info("lane.opened", address=f"0x{self._signer.address.hex()}", next_nonce=latest)
