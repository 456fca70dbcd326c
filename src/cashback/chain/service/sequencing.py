"""Taking waiting mints onto a lane: packed, signed, and stored as one transaction before anything is sent.

    read (free slots, queue) ──▶ ripe? ──▶ what do the contracts allow? ──▶ pack, price, sign ──▶ store

Between reading and storing no transaction is open, so that a key may live in a service far away; what has changed
meanwhile makes the storing fail as a whole (I2, I9): the next nonce must be the one that was read, every mint must
still wait, the lease must still be ours, and minting not halted.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from prometheus_client import Counter, Histogram

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.model import Attempt, Call, ChainDiverged, Fees, Lane, Policy, RaceLost, Slot, Transaction, Waiting
from cashback.chain.rules import batching, fees, packing, transaction
from cashback.chain.rules.tending import Patience
from cashback.chain.service.halting import halt
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import lanes, mints, network
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger

CALLS_PER_TURN_MAX: Final = 4
_LOOK_AGAIN_S: Final = 0.5

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


class Queue(msgspec.Struct, frozen=True):
    """What a lane saw when it looked: itself, the mints it could take, and what all lanes have in flight."""

    lane: Lane
    waiting: list[Waiting]
    oldest_ms: int
    in_flight: int


class Sequencer:
    """One lane's way from the queue to stored attempts."""

    def __init__(
        self,
        database: Database,
        *,
        contracts: Contracts,
        signer: Signer,
        tenure: Tenure,
        chain_id: int,
        limits: LaneLimits,
    ) -> None:
        """Fill the lane of `signer` while `tenure` is held."""
        self._database = database
        self._contracts = contracts
        self._signer = signer
        self._tenure = tenure
        self._chain_id = chain_id
        self._limits = limits

    async def turn(self) -> float | None:
        """Take what is ripe onto the lane; return in how many seconds it is worth looking again, None when idle.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `account_for`.
        """
        queue = await self._read()
        if queue is None or not queue.waiting:
            return None
        ripens_in_ms = batching.wait_ms(
            waiting=len(queue.waiting),
            oldest_ms=queue.oldest_ms,
            full_at=self._limits.batch_mints,
            age_ms=self._limits.batch_age_ms,
        )
        if ripens_in_ms > 0:
            return ripens_in_ms / 1_000
        return await self._take(queue)

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

    async def _read(self) -> Queue | None:
        """Return what could be taken, None while minting is halted or the lane is full."""
        async with self._database.transaction() as tx:
            halted_reason = (await network.network(tx)).halted_reason
            lane = await self._lane(tx)
            free = self._limits.slots_in_flight - lane.open_slots
            if halted_reason is not None or free <= 0:
                return None
            wanted = min(free, CALLS_PER_TURN_MAX) * self._limits.batch_mints
            waiting, oldest_ms = await mints.waiting(tx, wanted)
            in_flight = await mints.in_flight_amount(tx) if waiting else 0
            return Queue(lane, waiting, oldest_ms, in_flight)

    async def _lane(self, tx: Tx) -> Lane:
        """Return this signer's lane, which was opened before."""
        return next(lane for lane in await lanes.lanes(tx) if lane.address == self._signer.address)

    async def _take(self, queue: Queue) -> float | None:
        """Pack, price, sign and store what the contracts allow of the queue."""
        policy = await self._contracts.policy(self._signer.address)
        if policy.pending_nonce > queue.lane.next_nonce:
            await self.account_for(policy.pending_nonce)
            raise RaceLost("the lane's next nonce has changed")
        bid = fees.first_bid(fees.market(policy.prices, self._limits.fees), self._limits.fees)
        calls = self._calls(queue, policy)
        if isinstance(calls, fees.Waits):
            return await self._wait_for(queue.lane, calls)
        if isinstance(bid, fees.Waits):
            return await self._wait_for(queue.lane, bid)
        slots = [
            Slot(lane=queue.lane.id, nonce=queue.lane.next_nonce + place, target=self._contracts.minter, call=call)
            for place, call in enumerate(calls)
        ]
        attempts = [await self._sign(slot, bid) for slot in slots]
        await self._store(queue.lane, slots, attempts)
        return 0.0

    def _calls(self, queue: Queue, policy: Policy) -> list[Call] | fees.Waits:
        """Return the calls that the contracts allow now, or what the lane waits for."""
        budget = batching.budget(policy, in_flight=queue.in_flight)
        if isinstance(budget, fees.Waits):
            return budget
        limits = packing.Limits(
            calls=min(self._limits.slots_in_flight - queue.lane.open_slots, CALLS_PER_TURN_MAX),
            mints=self._limits.batch_mints,
            gas=self._limits.batch_gas,
            amount=budget,
        )
        return packing.pack(queue.waiting, limits) or fees.Waits("mint_limit_reached")

    async def _sign(self, slot: Slot, bid: Fees) -> Attempt:
        """Return the signed first attempt of a slot."""
        unsigned = Transaction(
            chain_id=self._chain_id,
            nonce=slot.nonce,
            fees=bid,
            gas=slot.call.gas,
            target=slot.target,
            calldata=slot.call.calldata,
        )
        signature = await self._signer.sign(transaction.digest(unsigned))
        return transaction.attempt(unsigned, signature, lane=slot.lane)

    async def _store(self, lane: Lane, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Reserve the nonces and store slots, attempts and the mints' places, all or nothing."""
        carried = sum(len(slot.call.numbers) for slot in slots)
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            if not await lanes.advance(tx, lane=lane.id, expected=lane.next_nonce, by=len(slots)):
                raise RaceLost("the lane's next nonce has changed")
            await lanes.reserve(tx, slots)
            await lanes.store(tx, attempts)
            if await mints.assign(tx, slots) != carried:
                raise RaceLost("a mint no longer waits")
            await lanes.wait_for(tx, lane=lane.id, reason=None)
            if await network.is_halted(tx):
                raise RaceLost("minting was halted meanwhile")
        for slot, attempt in zip(slots, attempts, strict=True):
            SLOTS.inc()
            BATCH_MINTS.observe(len(slot.call.numbers))
            log.info(
                "slot.reserved", nonce=slot.nonce, mints=len(slot.call.numbers), transaction=f"0x{attempt.hash.hex()}"
            )

    async def _wait_for(self, lane: Lane, waits: fees.Waits) -> float:
        """Note and say once what the lane waits for; return in how many seconds to look again."""
        async with self._database.transaction() as tx:
            is_news = await lanes.wait_for(tx, lane=lane.id, reason=waits.reason)
        if is_news:
            log.warning("lane.waited", lane=lane.id, reason=waits.reason)
        return _LOOK_AGAIN_S
