"""Taking cancelled mints onto a lane: each number is retired by a transaction of its own, stored before it is sent.

    read (free slots, cancelled mints) ──▶ announce ──▶ signed and stored as `reserving` does

From then on nonces, attempts, bumps and recovery are those of any slot. A retirement that reverts is taken anew once
the revert is final.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from cashback.chain.model import Attempt, Call, Lane, Policy, RaceLost, Slot, SlotKind, Waiting
from cashback.chain.rules import retiring
from cashback.chain.rules.fees import Waits
from cashback.chain.service.reserving import TAKING_FOR_S, Points, Reserving
from cashback.chain.store import cancellations, taking
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger

RETIREMENTS_PER_TURN_MAX: Final = 4

RETIREMENTS: Final = Counter("cashback_chain_retirements_total", "Transactions signed to retire a number.")

log = logger(__name__)


class Retiring:
    """One lane's way from cancelled mints to stored attempts at retiring their numbers."""

    def __init__(self, database: Database, *, reserving: Reserving) -> None:
        """Take nonces through `reserving`."""
        self._database = database
        self._reserving = reserving

    async def turn(self) -> float | None:
        """Take what is to be retired onto the lane; return in how many seconds to look again, None when idle.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `Reserving.account_for`.
        """
        due = await self._read()
        if due is None:
            return None
        lane, cancelled = due
        return await self._reserving.take(lane, _Retirements(cancelled))

    async def _read(self) -> tuple[Lane, list[Waiting]] | None:
        """Announce and return what can be retired; None when there is nothing, or the lane has no room."""
        async with self._database.transaction() as tx:
            room = await self._reserving.room(tx) if await cancellations.to_retire(tx, 1) else None
            if room is None:
                return None
            lane, free = room
            taken = await taking.taken_by_others(tx, lane=lane.id)
            wanted = min(free, RETIREMENTS_PER_TURN_MAX)
            cancelled = await cancellations.to_retire(tx, wanted, outside=taken.ranges)
            if not cancelled:
                return None
            await taking.announce(tx, lane=lane.id, waiting=cancelled, for_s=TAKING_FOR_S)
            return lane, cancelled


class _Retirements:
    """Numbers to be retired as cargo."""

    kind: Final[SlotKind] = "retire"
    points: Final = Points(signed="retirement.signed", reserved="retirement.reserved", stored="retirement.stored")

    def __init__(self, cancelled: Sequence[Waiting]) -> None:
        """Carry each number in a call of its own."""
        self._cancelled = cancelled

    def calls(self, policy: Policy) -> list[Call] | Waits:
        """Return a call for each number, unless nothing can be retired now."""
        obstacle = retiring.obstacle(policy)
        return obstacle or [retiring.call(mint.number, amount=mint.amount) for mint in self._cancelled]

    async def tried(self, calls: Sequence[Call], *, block: int) -> list[Call] | Waits:
        """Return all of them: a number can be retired whatever became of it."""
        del block
        return list(calls)

    async def assign(self, tx: Tx, slots: Sequence[Slot]) -> None:
        """Note which mint each slot retires."""
        if await cancellations.assign(tx, slots) != len(slots):
            raise RaceLost("a mint is not to be retired any more")

    def tell(self, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Say which nonce retires which number."""
        RETIREMENTS.inc(len(slots))
        for slot, attempt in zip(slots, attempts, strict=True):
            number = slot.call.numbers[0]
            log.info("retirement.reserved", nonce=slot.nonce, mint=number, transaction=f"0x{attempt.hash.hex()}")
