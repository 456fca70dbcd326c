"""Making sure where a lane stands, each time its lease was taken.

    known ──▶ has the chain seen more nonces than our records? ──no──▶ what is open is sent again, the same bytes
                                                            └─yes──▶ minting halts
    new   ──▶ does its signer have a past? ──no──▶ opened at nonce 0
                 ├─ all of it in blocks ──▶ opened once these are final
                 └─ pools hold more, unknown to us ──▶ waited for, then opened over it: a no-op at each such nonce

Keeps I9: the next nonce comes from the database; the chain is only asked whether it has seen more than that.
"""

from typing import Final

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.keys import Signer
from cashback.chain.model import LaneNotReady
from cashback.chain.service.reserving import Reserving
from cashback.chain.service.tending import Tender
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import lanes, network
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

LEFTOVERS_MAX: Final = 64
"""So many unknown transactions of a new lane's signer are replaced; for more a person has to look."""

log = logger(__name__)


class Recovery:
    """One lane's way from a lease to work."""

    def __init__(
        self,
        database: Database,
        *,
        blocks: Blocks,
        signer: Signer,
        tenure: Tenure,
        reserving: Reserving,
        tender: Tender,
        patience_s: float,
    ) -> None:
        """Make sure of the lane of `signer` while `tenure` is held.

        A new lane waits `patience_s` for what its signer has sent before and no block carries.
        """
        self._database = database
        self._blocks = blocks
        self._signer = signer
        self._tenure = tenure
        self._reserving = reserving
        self._tender = tender
        self._patience_s = patience_s
        self._quiet_since: tuple[int, int] | None = None
        self._leftovers_since_s: float | None = None

    async def make_sure(self) -> None:
        """Return when the lane is open and everything open in it is about to be sent again.

        Raises:
            ChainDiverged: the chain has seen nonces that are not in our records.
            LaneNotReady: the signer is new here and has transactions that are not final yet.
            LeaseLost: nothing was stored.
        """
        async with self._database.transaction() as tx:
            lane = next((one for one in await lanes.lanes(tx) if one.address == self._signer.address), None)
            final_block = (await network.network(tx)).final_block
        seen = await self._blocks.seen_nonces(self._signer.address)
        if lane is not None:
            await self._reserving.account_for(seen.sent)
            await self._tender.doubt()
            reach("lane.recovered")
            log.info("lane.recovered", next_nonce=lane.next_nonce, mined_nonce=seen.mined, open_slots=lane.open_slots)
        elif seen.rumoured != seen.mined:
            await self._open_over(seen.mined, seen.rumoured)
        else:
            await self._open(seen.mined, final_block)

    async def _open(self, latest: int, final_block: int) -> None:
        """Open a new lane once every transaction that its signer ever sent is final, at once when there is none.

        They are when a block is final at which they were all mined already: a node need not remember old states.
        """
        self._leftovers_since_s = None
        if latest > 0:
            since = self._quiet_since or (latest, (await self._blocks.latest()).number)
            self._quiet_since = since if since[0] == latest else None
            if self._quiet_since is None or final_block < since[1]:
                raise LaneNotReady(f"the signer's {latest} transactions are certain once block {since[1]} is final")
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            await lanes.open_lane(tx, address=self._signer.address, next_nonce=latest)
            reach("lane.opening")
        reach("lane.opened")
        log.info("lane.opened", address=f"0x{self._signer.address.hex()}", next_nonce=latest)

    async def _open_over(self, latest: int, pending: int) -> None:
        """Open a new lane over transactions of its signer that pools hold and no record of ours knows.

        They get the time that an attempt of ours has before it counts as stuck; then no-ops are to take their place.

        Raises:
            LaneNotReady: they may still be mined by themselves, or are more than are replaced.
        """
        self._quiet_since = None
        now_s = monotonic_s()
        if self._leftovers_since_s is None:
            self._leftovers_since_s = now_s
        leftovers = pending - latest
        if now_s - self._leftovers_since_s < self._patience_s or leftovers > LEFTOVERS_MAX:
            raise LaneNotReady(f"the signer has {leftovers} transactions that no block carries")
        await self._reserving.open_over(latest, pending)
        address = f"0x{self._signer.address.hex()}"
        log.warning("lane.opened_over_leftovers", address=address, next_nonce=pending, leftovers=leftovers)
