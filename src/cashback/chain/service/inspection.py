"""Looking into slots whose nonce is used although no log told of them: a reverted call, or a stranger with our key.

Logs tell of nearly everything; receipts are asked for only here: a few one by one, many by the block that was just
taken in, where nearly all of them are.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Address, ChainDiverged, ChainUnavailable, Hash, Lane, OpenSlot, Receipt
from cashback.chain.rules import reverts
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import blocks, lanes, network, sightings
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

SLOTS_PER_TURN_MAX: Final = 64
RECEIPTS_ALONE_MAX: Final = 4
"""So many receipts are asked for one by one; for more it is first the block's, whose answer can be long."""
DENIALS_MIN: Final = 5
"""So often must all endpoints deny, after the block is final, that a transaction of ours used a nonce."""
MISTAKES_MAX: Final = 3
"""So many calls in a row may revert for a reason that is not the world's before minting halts."""
_HEADERS_COMPARED_MAX: Final = 512

log = logger(__name__)


class Inspection:
    """Explains used nonces, for the follower and under its lease."""

    def __init__(self, database: Database, *, source: Blocks, tenure: Tenure) -> None:
        """Ask `source`, store into `database`."""
        self._database = database
        self._source = source
        self._tenure = tenure
        self._suspects: dict[tuple[int, int], int] = {}
        self._denials: Counter[tuple[int, int]] = Counter()

    async def turn(self, tip: int) -> int:
        """Explain the open slots whose nonce is used at block `tip`; return how many were closed.

        Raises:
            ChainDiverged: a final nonce was used by a transaction that is not ours, or our calls keep failing.
        """
        async with self._database.transaction() as tx:
            busy = [lane for lane in await lanes.lanes(tx) if lane.open_slots > 0]
        return sum([await self._lane(lane, tip) for lane in busy])

    async def _lane(self, lane: Lane, tip: int) -> int:
        """Explain one lane's used nonces."""
        mined = await self._source.mined_nonce(lane.address, tip)
        async with self._database.transaction() as tx:
            slots = await stored_slots.open_slots(tx, lane=lane.id, limit=SLOTS_PER_TURN_MAX)
            used = [slot for slot in slots if slot.nonce < mined]
            attempts = await stored_slots.attempts_of(tx, lane=lane.id, nonces=[slot.nonce for slot in used])
            final_block = (await network.network(tx)).final_block
        if not used:
            self._strange(lane, set(), tip, final_block)
            return 0
        receipts = await self._receipts(attempts, tip)
        if receipts:
            reach("receipt.seen")
        found = {nonce: receipts[one] for nonce, hashes in attempts.items() for one in hashes if one in receipts}
        strange = self._strange(lane, {slot.nonce for slot in used if slot.nonce not in found}, tip, final_block)
        superseded = await self._supersede(lane, [slot for slot in used if slot.nonce in strange], final_block)
        reasons = {
            slot.nonce: await self._reason(lane.address, slot, found[slot.nonce], tip)
            for slot in used
            if slot.nonce in found
        }
        unstored = await self._unstored(list(found.values()), final_block)
        return superseded + await self._store(lane, found, reasons, unstored)

    async def _unstored(self, receipts: Sequence[Receipt], final_block: int) -> dict[int, Hash]:
        """Return the hashes of the final blocks in which receipts stand and whose headers are not stored.

        Far behind the final block only the last header of each range is, and headers far below it are forgotten.
        """
        async with self._database.transaction() as tx:
            known = await blocks.hashes(tx, limit=_HEADERS_COMPARED_MAX)
        final = {one.place.block_number for one in receipts if one.place.block_number <= final_block}
        return {number: (await self._source.header_at(number)).hash for number in sorted(final - known.keys())}

    async def _receipts(self, attempts: dict[int, list[Hash]], tip: int) -> dict[Hash, Receipt]:
        """Return the receipts that tell of the nonces: those in block `tip` by one question when they are many."""
        receipts: dict[Hash, Receipt] = {}
        hashes = _without(attempts, receipts)
        if len(hashes) > RECEIPTS_ALONE_MAX:
            try:
                receipts |= await self._source.receipts_in(tip, hashes)
            except ChainUnavailable as failure:
                log.info("receipts.asked_alone", block=tip, problem=failure.detail)
        if alone := _without(attempts, receipts):
            receipts |= await self._source.receipts(alone)
        return receipts | await self._source.receipts_of_any(_without(attempts, receipts))

    def _strange(self, lane: Lane, unknown: set[int], tip: int, final_block: int) -> set[int]:
        """Return which of the nonces that no attempt of ours used are used for good.

        They are once the block is final at which they were first seen used; a node need not remember old states. That
        none of ours used it must be said again and again: a receipt that is not told yet is no proof.
        """
        for suspect in [one for one in self._suspects if one[0] == lane.id and one[1] not in unknown]:
            del self._suspects[suspect]
            del self._denials[suspect]
        for nonce in unknown:
            suspect = (lane.id, nonce)
            self._denials[suspect] += self._suspects.setdefault(suspect, tip) <= final_block
        return {nonce for nonce in unknown if self._denials[lane.id, nonce] >= DENIALS_MIN}

    async def _supersede(self, lane: Lane, slots: Sequence[OpenSlot], final_block: int) -> int:
        """Close no-ops that were overtaken by what they were to replace; return how many.

        Raises:
            ChainDiverged: one is no no-op, so whoever used its nonce has our key.
        """
        for slot in slots:
            if slot.kind != "noop":
                raise ChainDiverged("nonce_used_by_stranger", lane=lane.id, nonce=slot.nonce)
        if not slots:
            return 0
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            nonces = [slot.nonce for slot in slots]
            return await stored_slots.supersede(tx, lane=lane.id, nonces=nonces, block_number=final_block)

    async def _reason(self, sender: Address, slot: OpenSlot, receipt: Receipt, tip: int) -> str:
        """Return why a mined call did nothing, empty when it succeeded."""
        if receipt.is_success:
            return ""
        block = receipt.place.block_number
        age_blocks = tip - block
        # What stopped it may stand in the same block before it: then only the state after that block shows it.
        for state in (block - 1, block):
            revert = await self._source.replay(sender=sender, target=slot.target, calldata=slot.calldata, block=state)
            if revert is not None:
                return reverts.reason(revert, gas=slot.gas, gas_used=receipt.gas_used, age_blocks=age_blocks)
        return reverts.reason(None, gas=slot.gas, gas_used=receipt.gas_used, age_blocks=age_blocks)

    async def _store(
        self, lane: Lane, found: dict[int, Receipt], reasons: dict[int, str], unstored: dict[int, Hash]
    ) -> int:
        """Close slots whose receipt stands in a block that was followed; the others wait for the next turn."""
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            known = unstored | await blocks.hashes(tx, limit=_HEADERS_COMPARED_MAX)
            places = [
                (receipt.place, reasons[nonce])
                for nonce, receipt in found.items()
                if known.get(receipt.place.block_number) == receipt.place.block_hash
            ]
            closed = await sightings.mined(tx, places) if places else 0
            mistakes = await stored_slots.mistakes(
                tx, lane=lane.id, passing=sorted(reverts.PASSING), among=MISTAKES_MAX
            )
        for _, reason in places:
            if reason:
                log.warning("call.reverted", lane=lane.id, reason=reason)
        if mistakes >= MISTAKES_MAX:
            raise ChainDiverged("calls_keep_reverting", lane=lane.id)
        return closed


def _without(attempts: dict[int, list[Hash]], receipts: dict[Hash, Receipt]) -> list[Hash]:
    """Return every attempt at the nonces of which no receipt tells."""
    return [hash_ for hashes in attempts.values() if not receipts.keys() & set(hashes) for hash_ in hashes]
