"""Taking a signer out of service, and back in: its lane drains while the others go on.

    active ──drain──▶ draining ──all it ever used is final──▶ drained: its key may be put away
       ▲                  │
       └─────restore──────┘

A key that comes in its place is named in the settings first, and opens a lane of its own.
"""

from collections.abc import Collection
from typing import Final

from cashback.chain.model import Address, Lane, LaneState, LaneUnknown, LastLane, Person
from cashback.chain.service.halting import check_order
from cashback.chain.store import lanes
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger

_NEXT: Final = "name its successor in the settings and start the adapter with both first"

log = logger(__name__)


class Rotation:
    """Lets lanes drain and take mints again; all may be repeated."""

    def __init__(self, database: Database) -> None:
        """Act on the lanes of this database, whichever processes lead them."""
        self._database = database

    async def drain(self, signer: Address, *, by: Person, because: str) -> bool:
        """Let the lane of `signer` finish what it has and take nothing new; return whether that is news.

        Raises:
            LaneUnknown: no lane has this signer.
            LastLane: no other lane would be left to take mints.
            Invalid: who or why is empty or too long.
        """
        check_order(by, because)
        async with self._database.transaction() as tx:
            await lanes.lock_all(tx)
            lane, others = await self._find(tx, signer)
            if not any(other.state == "active" for other in others):
                raise LastLane(f"0x{signer.hex()} is the last signer that takes mints: {_NEXT}")
            return await self._set(tx, lane, "draining", by=by, because=because)

    async def restore(self, signer: Address, *, by: Person, because: str) -> bool:
        """Let the lane of `signer` take mints again; return whether that is news.

        Raises:
            LaneUnknown, Invalid: as `drain`.
        """
        check_order(by, because)
        async with self._database.transaction() as tx:
            lane, _ = await self._find(tx, signer)
            return await self._set(tx, lane, "active", by=by, because=because)

    async def tell_unattended(self, attended: Collection[Address]) -> list[Lane]:
        """Return the lanes that nobody finishes: they have transactions that are not final, and no key here.

        Another adapter on the same database may have it; whether one does only a person knows.
        """
        async with self._database.transaction() as tx:
            known = await lanes.lanes(tx)
        left = [lane for lane in known if lane.address not in attended and lane.final_nonce < lane.next_nonce]
        for lane in left:
            log.critical("lane.unattended", signer=f"0x{lane.address.hex()}", open_slots=lane.open_slots)
        return left

    async def _find(self, tx: Tx, signer: Address) -> tuple[Lane, list[Lane]]:
        """Return the lane of a signer, and the others."""
        known = await lanes.lanes(tx)
        lane = next((one for one in known if one.address == signer), None)
        if lane is None:
            raise LaneUnknown(f"no lane has the signer 0x{signer.hex()}; `cashback chain status` lists them")
        return lane, [one for one in known if one.address != signer]

    async def _set(self, tx: Tx, lane: Lane, state: LaneState, *, by: Person, because: str) -> bool:
        """Set and tell the state of a lane."""
        is_news = await lanes.set_state(tx, lane=lane.id, state=state, by=by, because=because)
        if is_news:
            log.warning("lane.state_set", lane=lane.id, state=state, by=by.name, why=because)
        return is_news
