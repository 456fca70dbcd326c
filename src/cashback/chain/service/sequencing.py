"""Taking waiting mints onto a lane.

    read (free slots, queue) ──▶ ripe? announce ──▶ packed, tried, signed and stored as `reserving` does

What a lane is about to take it announces as it reads, and the other lanes pass over it: they all fill at the same time,
and none spends what another counts on.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from prometheus_client import Histogram

from cashback.chain.model import Attempt, Call, Lane, Policy, RaceLost, Slot, SlotKind, Waiting
from cashback.chain.rules import batching, packing
from cashback.chain.rules.fees import Waits
from cashback.chain.service.reserving import TAKING_FOR_S, LaneLimits, Points, Reserving
from cashback.chain.service.sifting import Sifter
from cashback.chain.service.tracing import Attempted
from cashback.chain.store import mints, taking
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import Moment, logger

CALLS_PER_TURN_MAX: Final = 4

BATCH_MINTS: Final = Histogram(
    "cashback_chain_batch_mints", "Mints per transaction.", buckets=(1, 2, 5, 10, 20, 50, 100, 150, 200, 256)
)

log = logger(__name__)


class Queue(msgspec.Struct, frozen=True):
    """What a lane saw when it looked: itself, the mints that are its to take, and base units that are spoken for.

    `in_flight` is signed and in no block, or about to be signed by other lanes; `hour` and `day` are what was signed
    for within these, with the latter.
    """

    lane: Lane
    waiting: list[Waiting]
    in_flight: int
    hour: int
    day: int


class Sequencer:
    """One lane's way from the queue to stored attempts."""

    def __init__(self, database: Database, *, reserving: Reserving, sifter: Sifter, limits: LaneLimits) -> None:
        """Take nonces through `reserving`, for what `sifter` finds to go."""
        self._database = database
        self._reserving = reserving
        self._sifter = sifter
        self._limits = limits

    async def turn(self) -> float | None:
        """Take what is ripe onto the lane; return in how many seconds it is worth looking again, None when idle.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `Reserving.account_for`.
        """
        queue = await self._read()
        if isinstance(queue, Queue):
            return await self._reserving.take(queue.lane, _Mints(queue, self._sifter, self._limits))
        return queue

    async def _read(self) -> Queue | float | None:
        """Announce and return what can be taken, or in how many seconds something is ripe; None when nothing waits.

        Nor is there anything to take while the lane has no room.
        """
        async with self._database.transaction() as tx:
            room = await self._reserving.room(tx)
            if room is None:
                return None
            lane, free = room
            taken = await taking.taken_by_others(tx, lane=lane.id)
            wanted = min(free, CALLS_PER_TURN_MAX) * self._limits.batch_mints
            waiting, oldest_ms = await mints.waiting(tx, wanted, outside=taken.ranges)
            if not waiting:
                return None
            if ripens_in_ms := self._ripens_in_ms(len(waiting), oldest_ms):
                return ripens_in_ms / 1_000
            await taking.announce(tx, lane=lane.id, waiting=waiting, for_s=TAKING_FOR_S)
            in_flight = await mints.in_flight_amount(tx) + taken.amount
            hour, day = await taking.signed(tx)
            return Queue(lane, waiting, in_flight, hour + taken.amount, day + taken.amount)

    def _ripens_in_ms(self, waiting: int, oldest_ms: int) -> int:
        """Return how long to wait for a fuller call."""
        return batching.wait_ms(
            waiting=waiting, oldest_ms=oldest_ms, full_at=self._limits.batch_mints, age_ms=self._limits.batch_age_ms
        )


class _Mints:
    """Mints as cargo."""

    kind: Final[SlotKind] = "mint"
    points: Final = Points(signed="slot.signed", reserved="slot.reserved", stored="slot.stored")

    def __init__(self, queue: Queue, sifter: Sifter, limits: LaneLimits) -> None:
        """Carry what can be packed of `queue`."""
        self._queue = queue
        self._sifter = sifter
        self._limits = limits
        self._begun = Moment.now()

    def calls(self, policy: Policy) -> list[Call] | Waits:
        """Return the calls that the contracts and the guard rails allow now."""
        queue = self._queue
        allowed = batching.budget(policy, in_flight=queue.in_flight)
        budget = batching.guarded(allowed, self._limits.rails, hour=queue.hour, day=queue.day)
        if isinstance(budget, Waits):
            return budget
        limits = packing.Limits(
            calls=min(self._limits.slots_in_flight - queue.lane.open_slots, CALLS_PER_TURN_MAX),
            mints=self._limits.batch_mints,
            gas=self._limits.batch_gas,
            amount=budget.amount,
        )
        bound = batching.bound_of(queue.waiting[0].amount, budget, self._limits.rails)
        return packing.pack(queue.waiting, limits) or Waits(bound)

    async def tried(self, calls: Sequence[Call], *, block: int) -> list[Call] | Waits:
        """Return what goes; what fails alone is held."""
        return await self._sifter.sift(calls, self._queue.waiting, block=block)

    async def assign(self, tx: Tx, slots: Sequence[Slot]) -> None:
        """Give the mints their places, and count what is signed for."""
        if await mints.assign(tx, slots) != sum(len(slot.call.numbers) for slot in slots):
            raise RaceLost("a mint no longer waits")
        await taking.sign_for(tx, sum(slot.call.amount for slot in slots))

    def tell(self, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Say which nonce carries how many."""
        traces = {one.number: one.traceparent for one in self._queue.waiting}
        for slot, attempt in zip(slots, attempts, strict=True):
            Attempted(attempt, {number: traces.get(number) for number in slot.call.numbers}).tell(begun=self._begun)
            BATCH_MINTS.observe(len(slot.call.numbers))
            log.info(
                "slot.reserved", nonce=slot.nonce, mints=len(slot.call.numbers), transaction=f"0x{attempt.hash.hex()}"
            )
