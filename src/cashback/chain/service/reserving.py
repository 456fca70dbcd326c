"""Taking nonces of a lane, for whatever its calls carry: signed, and stored as one transaction before anything is sent.

    announced ──▶ what do the contracts allow? ──▶ calls ──▶ price ──▶ tried ──▶ signed ──▶ stored

Between reading and storing no transaction is open, so that a key may live in a service far away; what has changed
meanwhile makes the storing fail as a whole (I2, I9): the next nonce must be the one that was read, the announcement
must still hold, what is carried must still wait, the lease must still be ours, and minting not halted.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from prometheus_client import Counter

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
    SlotKind,
)
from cashback.chain.rules import batching, fees
from cashback.chain.rules.fees import Waits
from cashback.chain.rules.tending import Patience
from cashback.chain.service.halting import halt
from cashback.chain.service.pricing import Pricing
from cashback.chain.service.signing import first_attempts
from cashback.chain.service.tenure import Tenure
from cashback.chain.service.waiting import wait_for
from cashback.chain.store import lanes, network
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database, Tx
from cashback.kernel.failpoints import Point, reach

TAKING_FOR_S: Final = 5.0
"""How long a lane may take from reading to storing; after that others may take the same, and it stores nothing."""
NOTHING: Final = Call(calldata=b"", numbers=(), amount=0, gas=21_000)
"""What a no-op calls: its own signer, for the price of a transaction."""

SLOTS: Final = Counter("cashback_chain_slots_total", "Nonces reserved.")


class LaneLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How a lane batches, how much it keeps in flight, what it pays and how long it waits."""

    batch_mints: int
    batch_age_ms: int
    batch_gas: int
    slots_in_flight: int
    fees: fees.FeeLimits
    patience: Patience
    rails: batching.GuardRails


class Points(msgspec.Struct, frozen=True):
    """The named points between a call's signature and its storing; `reserved` is inside the transaction."""

    signed: Point
    reserved: Point
    stored: Point


class Cargo(Protocol):
    """What nonces are taken for, as a lane has read and announced it: mints, retirements, an anchor."""

    @property
    def kind(self) -> SlotKind:
        """Return what the slots are."""
        ...

    @property
    def points(self) -> Points:
        """Return the points that are passed."""
        ...

    def calls(self, policy: Policy) -> list[Call] | Waits:
        """Return the calls that the contracts allow now, or what the lane waits for."""
        ...

    async def tried(self, calls: Sequence[Call], *, block: int) -> list[Call] | Waits:
        """Return which of the calls, or parts of them, go on top of `block`; none when nothing is left to be signed."""
        ...

    async def assign(self, tx: Tx, slots: Sequence[Slot]) -> None:
        """Have the slots carry it, with the transaction that stores them.

        Raises:
            RaceLost: some of it does not wait any more.
        """
        ...

    def tell(self, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Count and log what is stored."""
        ...


class Reserving:
    """One lane's nonces, while its `tenure` is held."""

    def __init__(
        self,
        database: Database,
        *,
        contracts: Contracts,
        pricing: Pricing,
        signer: Signer,
        tenure: Tenure,
        chain_id: int,
        limits: LaneLimits,
    ) -> None:
        """Take nonces of the lane of `signer`; what `contracts` tell of fees `pricing` learns."""
        self._pricing = pricing
        self._database = database
        self._contracts = contracts
        self._signer = signer
        self._tenure = tenure
        self._chain_id = chain_id
        self._limits = limits

    async def room(self, tx: Tx) -> tuple[Lane, int] | None:
        """Return the lane and how many nonces it may take.

        None while minting is halted, the lane is full, or it is draining.
        """
        halted_reason = (await network.network(tx)).halted_reason
        lane = await self._lane(tx)
        free = self._limits.slots_in_flight - lane.open_slots
        return None if halted_reason is not None or free <= 0 or lane.state == "draining" else (lane, free)

    async def take(self, lane: Lane, cargo: Cargo) -> float:
        """Take nonces for what the contracts allow of `cargo`; return in how many seconds to look again.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `account_for`.
        """
        policy = await self._contracts.policy(self._signer.address)
        if policy.pending_nonce > lane.next_nonce:
            await self.account_for(policy.pending_nonce)
            raise RaceLost("the lane's next nonce has changed")
        allowed = cargo.calls(policy)
        if isinstance(allowed, Waits):
            return await wait_for(self._database, lane, allowed)
        bid = fees.first_bid(self._pricing.learn(policy.head_hash, policy.prices), self._limits.fees)
        if isinstance(bid, Waits):
            return await wait_for(self._database, lane, bid)
        calls = await cargo.tried(allowed, block=policy.head)
        if isinstance(calls, Waits):
            return await wait_for(self._database, lane, calls)
        if not calls:
            # All of it was held; what waits behind it is looked at anew.
            return 0.0
        slots = [
            Slot(lane=lane.id, nonce=lane.next_nonce + place, target=self._contracts.minter, call=call, kind=cargo.kind)
            for place, call in enumerate(calls)
        ]
        try:
            attempts = await first_attempts(self._signer, slots, bid=bid, chain_id=self._chain_id)
        except KeyUnavailable as failure:
            # Nothing was reserved yet, and no other key signs instead.
            return await wait_for(self._database, lane, Waits(failure.code), problem=failure.detail)
        reach(cargo.points.signed)
        await self._store(lane, cargo, slots, attempts)
        return 0.0

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
        if isinstance(bid, Waits):
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

    async def _lane(self, tx: Tx) -> Lane:
        """Return this signer's lane, which was opened before."""
        return next(lane for lane in await lanes.lanes(tx) if lane.address == self._signer.address)

    async def _store(self, lane: Lane, cargo: Cargo, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Reserve the nonces and store slots, attempts and what each carries, all or nothing."""
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            if not await lanes.advance(tx, lane=lane.id, expected=lane.next_nonce, by=len(slots)):
                raise RaceLost("the lane's next nonce has changed, or it took too long")
            await stored_slots.reserve(tx, slots)
            await stored_slots.store(tx, attempts)
            await cargo.assign(tx, slots)
            await lanes.wait_for(tx, lane=lane.id, reason=None)
            if await network.is_halted(tx):
                raise RaceLost("minting was halted meanwhile")
            reach(cargo.points.reserved)
        reach(cargo.points.stored)
        SLOTS.inc(len(slots))
        cargo.tell(slots, attempts)
