"""Taking waiting mints onto a lane: packed, signed, and stored as one transaction before anything is sent.

    read (free slots, queue) ──▶ ripe? announce ──▶ what do the contracts allow? ──▶ pack, try, price, sign ──▶ store

Between reading and storing no transaction is open, so that a key may live in a service far away; what has changed
meanwhile makes the storing fail as a whole (I2, I9): the next nonce must be the one that was read, every mint must
still wait, the lease must still be ours, and minting not halted. What a lane is about to take it announces as it reads,
and the other lanes pass over it: they all fill at the same time, and none spends what another counts on.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from prometheus_client import Counter, Histogram

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.model import (
    Attempt,
    Call,
    ChainDiverged,
    KeyUnavailable,
    Lane,
    LaneNotReady,
    Market,
    Policy,
    RaceLost,
    Slot,
    Waiting,
)
from cashback.chain.rules import batching, fees, packing
from cashback.chain.rules.tending import Patience
from cashback.chain.service.halting import halt
from cashback.chain.service.sifting import Sifter
from cashback.chain.service.signing import first_attempts
from cashback.chain.service.tenure import Tenure
from cashback.chain.service.waiting import wait_for
from cashback.chain.store import lanes, mints, network, taking
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database, Tx
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

CALLS_PER_TURN_MAX: Final = 4
TAKING_FOR_S: Final = 5.0
"""How long a lane may take from reading to storing; after that others may take the same, and it stores nothing."""
NOTHING: Final = Call(calldata=b"", numbers=(), amount=0, gas=21_000)
"""What a no-op calls: its own signer, for the price of a transaction."""

SLOTS: Final = Counter("cashback_chain_slots_total", "Nonces reserved.")
BATCH_MINTS: Final = Histogram(
    "cashback_chain_batch_mints", "Mints per transaction.", buckets=(1, 2, 5, 10, 20, 50, 100, 150, 200, 256)
)

log = logger(__name__)


class LaneLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How a lane batches, how much it keeps in flight, what it pays and how long it waits."""

    batch_mints: int
    batch_age_ms: int
    batch_gas: int
    slots_in_flight: int
    fees: fees.FeeLimits
    patience: Patience
    rails: batching.GuardRails


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

    def __init__(
        self,
        database: Database,
        *,
        contracts: Contracts,
        signer: Signer,
        tenure: Tenure,
        sifter: Sifter,
        chain_id: int,
        limits: LaneLimits,
    ) -> None:
        """Fill the lane of `signer` while `tenure` is held."""
        self._database = database
        self._contracts = contracts
        self._signer = signer
        self._tenure = tenure
        self._sifter = sifter
        self._chain_id = chain_id
        self._limits = limits

    async def turn(self) -> float | None:
        """Take what is ripe onto the lane; return in how many seconds it is worth looking again, None when idle.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `account_for`.
        """
        queue = await self._read()
        if isinstance(queue, Queue):
            return await self._take(queue)
        return queue

    async def open_over(self, first_nonce: int, next_nonce: int) -> None:
        """Open the lane at `next_nonce`, with a no-op at each nonce from `first_nonce` on that pools hold elsewhere.

        The no-ops bid the highest tip at once, and more as every slot does, up to the fee cap: either one is mined, or
        what it was to replace.

        Raises:
            LaneNotReady: gas costs more than the cap.
            LeaseLost: nothing was stored.
        """
        policy = await self._contracts.policy(self._signer.address)
        dear = Market(policy.prices.base_fee_wei, self._limits.fees.tip_cap_wei)
        bid = fees.first_bid(dear, self._limits.fees)
        if isinstance(bid, fees.Waits):
            raise LaneNotReady(f"earlier transactions cannot be replaced: {bid.reason}")
        address = self._signer.address
        slots = [
            Slot(lane=0, nonce=nonce, target=address, call=NOTHING, kind="noop")
            for nonce in range(first_nonce, next_nonce)
        ]
        attempts = await first_attempts(self._signer, slots, bid=bid, chain_id=self._chain_id)
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            await lanes.open_lane(tx, address=address, next_nonce=next_nonce)
            lane = await self._lane(tx)
            await stored_slots.reserve(tx, [msgspec.structs.replace(slot, lane=lane.id) for slot in slots])
            await stored_slots.store(tx, [msgspec.structs.replace(attempt, lane=lane.id) for attempt in attempts])
            reach("noop.reserved")
        reach("noop.stored")

    async def account_for(self, seen_nonce: int) -> None:
        """Return when every nonce below `seen_nonce`, which the chain has seen, is in our records, as they are now.

        What was read before the chain was asked proves nothing: the lease may have been another's since, who has sent.

        Raises:
            LeaseLost: it is for the holder to judge.
            ChainDiverged: minting is halted, in the transaction that saw why.
        """
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            stored_nonce = (await self._lane(tx)).next_nonce
            if seen_nonce <= stored_nonce:
                return
            divergence = ChainDiverged("nonce_ahead_of_records", seen=seen_nonce, stored=stored_nonce)
            await halt(tx, divergence.detail)
        raise divergence

    async def _read(self) -> Queue | float | None:
        """Announce and return what can be taken, or in how many seconds something is ripe; None when nothing waits.

        Nor is there anything to take while minting is halted, the lane is full, or it is draining.
        """
        async with self._database.transaction() as tx:
            halted_reason = (await network.network(tx)).halted_reason
            lane = await self._lane(tx)
            free = self._limits.slots_in_flight - lane.open_slots
            if halted_reason is not None or free <= 0 or lane.state == "draining":
                return None
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

    async def _lane(self, tx: Tx) -> Lane:
        """Return this signer's lane, which was opened before."""
        return next(lane for lane in await lanes.lanes(tx) if lane.address == self._signer.address)

    async def _take(self, queue: Queue) -> float | None:
        """Pack, price, try, sign and store what the contracts allow of the queue."""
        policy = await self._contracts.policy(self._signer.address)
        if policy.pending_nonce > queue.lane.next_nonce:
            await self.account_for(policy.pending_nonce)
            raise RaceLost("the lane's next nonce has changed")
        bid = fees.first_bid(fees.market(policy.prices, self._limits.fees), self._limits.fees)
        packed = self._calls(queue, policy)
        if isinstance(packed, fees.Waits):
            return await wait_for(self._database, queue.lane, packed)
        if isinstance(bid, fees.Waits):
            return await wait_for(self._database, queue.lane, bid)
        calls = await self._sifter.sift(packed, queue.waiting, block=policy.head)
        if isinstance(calls, fees.Waits):
            return await wait_for(self._database, queue.lane, calls)
        if not calls:
            # All of it was held; what waits behind it is looked at anew.
            return 0.0
        slots = [
            Slot(lane=queue.lane.id, nonce=queue.lane.next_nonce + place, target=self._contracts.minter, call=call)
            for place, call in enumerate(calls)
        ]
        try:
            attempts = await first_attempts(self._signer, slots, bid=bid, chain_id=self._chain_id)
        except KeyUnavailable as failure:
            # Nothing was reserved yet, and no other key signs instead.
            return await wait_for(self._database, queue.lane, fees.Waits(failure.code), problem=failure.detail)
        reach("slot.signed")
        await self._store(queue.lane, slots, attempts)
        return 0.0

    def _calls(self, queue: Queue, policy: Policy) -> list[Call] | fees.Waits:
        """Return the calls that the contracts allow now, or what the lane waits for."""
        allowed = batching.budget(policy, in_flight=queue.in_flight)
        budget = batching.guarded(allowed, self._limits.rails, hour=queue.hour, day=queue.day)
        if isinstance(budget, fees.Waits):
            return budget
        limits = packing.Limits(
            calls=min(self._limits.slots_in_flight - queue.lane.open_slots, CALLS_PER_TURN_MAX),
            mints=self._limits.batch_mints,
            gas=self._limits.batch_gas,
            amount=budget.amount,
        )
        return packing.pack(queue.waiting, limits) or fees.Waits(budget.bound)

    async def _store(self, lane: Lane, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Reserve the nonces and store slots, attempts and the mints' places, all or nothing."""
        carried = sum(len(slot.call.numbers) for slot in slots)
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            if not await lanes.advance(tx, lane=lane.id, expected=lane.next_nonce, by=len(slots)):
                raise RaceLost("the lane's next nonce has changed, or it took too long")
            await stored_slots.reserve(tx, slots)
            await stored_slots.store(tx, attempts)
            if await mints.assign(tx, slots) != carried:
                raise RaceLost("a mint no longer waits")
            await taking.sign_for(tx, sum(slot.call.amount for slot in slots))
            await lanes.wait_for(tx, lane=lane.id, reason=None)
            if await network.is_halted(tx):
                raise RaceLost("minting was halted meanwhile")
            reach("slot.reserved")
        reach("slot.stored")
        for slot, attempt in zip(slots, attempts, strict=True):
            SLOTS.inc()
            BATCH_MINTS.observe(len(slot.call.numbers))
            log.info(
                "slot.reserved", nonce=slot.nonce, mints=len(slot.call.numbers), transaction=f"0x{attempt.hash.hex()}"
            )
