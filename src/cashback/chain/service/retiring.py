"""Taking cancelled mints onto a lane: each number is retired by a transaction of its own, stored before it is sent.

    read (free slots, cancelled mints) ──▶ announce ──▶ do the contracts allow it? ──▶ price, sign ──▶ store

The steps, and what makes the storing fail as a whole, are those of `sequencing`: from then on nonces, attempts, bumps
and recovery are those of any slot. A retirement that reverts is taken anew once the revert is final.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from prometheus_client import Counter

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.model import Attempt, KeyUnavailable, Lane, RaceLost, Slot, Waiting
from cashback.chain.rules import fees, retiring
from cashback.chain.service.sequencing import SLOTS, TAKING_FOR_S, LaneLimits, Sequencer
from cashback.chain.service.signing import first_attempts
from cashback.chain.service.tenure import Tenure
from cashback.chain.service.waiting import wait_for
from cashback.chain.store import cancellations, lanes, network, taking
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

RETIREMENTS_PER_TURN_MAX: Final = 4

RETIREMENTS: Final = Counter("cashback_chain_retirements_total", "Transactions signed to retire a number.")

log = logger(__name__)


class Due(msgspec.Struct, frozen=True):
    """What a lane saw when it looked: itself, and the cancelled mints that are its to retire."""

    lane: Lane
    cancelled: list[Waiting]


class Retiring:
    """One lane's way from cancelled mints to stored attempts at retiring their numbers."""

    def __init__(
        self,
        database: Database,
        *,
        contracts: Contracts,
        signer: Signer,
        tenure: Tenure,
        sequencer: Sequencer,
        chain_id: int,
        limits: LaneLimits,
    ) -> None:
        """Fill the lane of `signer` while `tenure` is held; `sequencer` fills the same lane with mints."""
        self._database = database
        self._contracts = contracts
        self._signer = signer
        self._tenure = tenure
        self._sequencer = sequencer
        self._chain_id = chain_id
        self._limits = limits

    async def turn(self) -> float | None:
        """Take what is to be retired onto the lane; return in how many seconds to look again, None when idle.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `Sequencer.account_for`.
        """
        due = await self._read()
        if due is None:
            return None
        policy = await self._contracts.policy(self._signer.address)
        if policy.pending_nonce > due.lane.next_nonce:
            await self._sequencer.account_for(policy.pending_nonce)
            raise RaceLost("the lane's next nonce has changed")
        obstacle = retiring.obstacle(policy)
        if obstacle is not None:
            return await wait_for(self._database, due.lane, obstacle)
        bid = fees.first_bid(fees.market(policy.prices, self._limits.fees), self._limits.fees)
        if isinstance(bid, fees.Waits):
            return await wait_for(self._database, due.lane, bid)
        slots = self._slots(due)
        try:
            attempts = await first_attempts(self._signer, slots, bid=bid, chain_id=self._chain_id)
        except KeyUnavailable as failure:
            # Nothing was reserved yet, and no other key signs instead.
            return await wait_for(self._database, due.lane, fees.Waits(failure.code), problem=failure.detail)
        reach("retirement.signed")
        await self._store(due.lane, slots, attempts)
        return 0.0

    async def _read(self) -> Due | None:
        """Announce and return what can be retired; None when there is nothing.

        Nor is there anything while minting is halted, the lane is full, or it is draining.
        """
        async with self._database.transaction() as tx:
            if not await cancellations.to_retire(tx, 1) or (await network.network(tx)).halted_reason is not None:
                return None
            lane = next(one for one in await lanes.lanes(tx) if one.address == self._signer.address)
            free = self._limits.slots_in_flight - lane.open_slots
            if free <= 0 or lane.state == "draining":
                return None
            taken = await taking.taken_by_others(tx, lane=lane.id)
            wanted = min(free, RETIREMENTS_PER_TURN_MAX)
            cancelled = await cancellations.to_retire(tx, wanted, outside=taken.ranges)
            if not cancelled:
                return None
            await taking.announce(tx, lane=lane.id, waiting=cancelled, for_s=TAKING_FOR_S)
            return Due(lane, cancelled)

    def _slots(self, due: Due) -> list[Slot]:
        """Return a slot for each number, at the lane's next nonces."""
        return [
            Slot(
                lane=due.lane.id,
                nonce=due.lane.next_nonce + place,
                target=self._contracts.minter,
                call=retiring.call(mint.number, amount=mint.amount),
                kind="retire",
            )
            for place, mint in enumerate(due.cancelled)
        ]

    async def _store(self, lane: Lane, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Reserve the nonces and store slots, attempts and which mint each retires, all or nothing."""
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            if not await lanes.advance(tx, lane=lane.id, expected=lane.next_nonce, by=len(slots)):
                raise RaceLost("the lane's next nonce has changed, or it took too long")
            await stored_slots.reserve(tx, slots)
            await stored_slots.store(tx, attempts)
            if await cancellations.assign(tx, slots) != len(slots):
                raise RaceLost("a mint is not to be retired any more")
            await lanes.wait_for(tx, lane=lane.id, reason=None)
            if await network.is_halted(tx):
                raise RaceLost("minting was halted meanwhile")
            reach("retirement.reserved")
        reach("retirement.stored")
        for slot, attempt in zip(slots, attempts, strict=True):
            SLOTS.inc()
            RETIREMENTS.inc()
            number = slot.call.numbers[0]
            log.info("retirement.reserved", nonce=slot.nonce, mint=number, transaction=f"0x{attempt.hash.hex()}")
