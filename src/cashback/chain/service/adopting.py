"""Adopting what a restored database does not know: nonces that the chain has used, by transactions that are lost here.

    each lane ──▶ has the chain used more nonces than the records? ──▶ all of them final? ──▶ slots without attempts
              └─▶ open slots whose nonce is used for good, by none of the stored attempts ──▶ closed, their mints wait

What those transactions minted is known from the chain's logs. In the new epoch of the stream minting submits again what
it waits for, and the logs settle what is there already: no number is minted twice.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import AdoptedLane, Lane, NotFinalYet, RaceLost
from cashback.chain.rules import adopting as rules
from cashback.chain.store import adoption, anchor_slots, blocks, lanes
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database, Tx

SLOTS_MAX: Final = 256
"""So many open slots of a lane are looked at; what is beyond them is found by the next order."""


class Plan(msgspec.Struct, frozen=True):
    """What is to be done about one lane: from where it goes on, and which of its open slots are over."""

    lane: Lane
    next_nonce: int
    over: tuple[int, ...]


class Adopting:
    """Plans by the chain's word, and applies inside a transaction in which nobody signs or follows."""

    def __init__(self, database: Database, *, source: Blocks) -> None:
        """Hold the lanes of this database against `source`."""
        self._database = database
        self._source = source

    async def plan(self, final_block: int) -> list[Plan]:
        """Return what is to be done about each lane, as of a final block that was followed.

        Raises:
            NotFinalYet: a signer has transactions under way that the records do not know; or no final block was
                followed so far.
            ChainUnavailable: the nodes do not tell.
        """
        async with self._database.transaction() as tx:
            known = await lanes.lanes(tx)
            is_followed = await blocks.hash_at(tx, final_block) is not None
        if known and not is_followed:
            raise NotFinalYet(f"block {final_block} is not followed yet; wait, and run it again")
        return [await self._plan(lane, final_block) for lane in known]

    async def apply(self, tx: Tx, plans: Sequence[Plan], *, final_block: int) -> tuple[dict[int, AdoptedLane], int]:
        """Carry the plans out; return what was done by lane, and how many mints wait again.

        Raises:
            RaceLost: a lane is not as it was planned for; `tx` must roll back.
        """
        now = {lane.id: lane for lane in await lanes.lanes(tx)}
        done: dict[int, AdoptedLane] = {}
        waiting = 0
        for plan in plans:
            lane = plan.lane
            if now[lane.id].next_nonce != lane.next_nonce:
                raise RaceLost("a lane's next nonce has changed; run it again")
            if plan.over:
                await anchor_slots.leave(tx, lane=lane.id, nonces=plan.over)
                await adoption.repeat_retirements(tx, lane=lane.id, nonces=plan.over)
                waiting += await adoption.close_slots(tx, lane=lane.id, nonces=plan.over, block_number=final_block)
            if plan.next_nonce > lane.next_nonce:
                await adoption.adopt(tx, lane=lane.id, next_nonce=plan.next_nonce, block_number=final_block)
            if plan.over or plan.next_nonce > lane.next_nonce:
                done[lane.id] = AdoptedLane(
                    address=lane.address,
                    next_nonce_before=lane.next_nonce,
                    next_nonce=plan.next_nonce,
                    closed_slots=len(plan.over),
                )
        return done, waiting

    async def _plan(self, lane: Lane, final_block: int) -> Plan:
        """Return what is to be done about one lane."""
        seen = await self._source.seen_nonces(lane.address)
        final = await self._source.mined_nonce(lane.address, final_block)
        next_nonce = rules.next_nonce(lane, seen=seen, final=final)
        return Plan(lane, next_nonce, await self._over(lane, final))

    async def _over(self, lane: Lane, final: int) -> tuple[int, ...]:
        """Return the open slots whose nonce is used in a final block by none of their attempts, as all endpoints tell.

        A slot one of whose attempts has a receipt is the follower's to close.
        """
        async with self._database.transaction() as tx:
            found = await stored_slots.open_slots(tx, lane=lane.id, limit=SLOTS_MAX)
            used = [slot.nonce for slot in found if slot.nonce < final]
            attempts = await stored_slots.attempts_of(tx, lane=lane.id, nonces=used)
        if not used:
            return ()
        hashes = [one for some in attempts.values() for one in some]
        mined = (await self._source.receipts(hashes)).keys() | (await self._source.receipts_of_any(hashes)).keys()
        return tuple(nonce for nonce in used if not mined & set(attempts[nonce]))
