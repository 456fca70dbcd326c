"""Sending stored attempts until a block carries them: the same bytes again, or a stored replacement at a higher price.

A send that is not answered is unknown, never failed; nothing that was not stored before is ever sent.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import (
    Answer,
    Attempt,
    Hash,
    Header,
    KeyUnavailable,
    Lane,
    Market,
    OpenSlot,
    RaceLost,
    Transaction,
)
from cashback.chain.rules import answers
from cashback.chain.rules.tending import OWN_REASONS, UNSIGNED, Bump, GiveUp, Send, Step, Wait, next_step
from cashback.chain.service.halting import halt
from cashback.chain.service.pricing import Pricing
from cashback.chain.service.reserving import NOTHING, LaneLimits
from cashback.chain.service.signing import signed
from cashback.chain.service.tenure import Tenure
from cashback.chain.service.tracing import tell_replaced
from cashback.chain.store import anchors, blocks, cancellations, lanes, mints, network
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database
from cashback.kernel.failpoints import Point, reach
from cashback.kernel.telemetry import Moment, logger

SENDS: Final = Counter("cashback_chain_sends_total", "Sends by what the nodes made of them.", ["answer"])
BUMPS: Final = Counter("cashback_chain_bumps_total", "Replacements at a higher price.")

log = logger(__name__)


class Tender:
    """One lane's way from stored attempts to the nodes."""

    def __init__(
        self,
        database: Database,
        *,
        node: Node,
        pricing: Pricing,
        signer: Signer,
        tenure: Tenure,
        chain_id: int,
        limits: LaneLimits,
    ) -> None:
        """Send what the lane of `signer` has stored while `tenure` is held, at the prices that `pricing` tells."""
        self._pricing = pricing
        self._database = database
        self._node = node
        self._signer = signer
        self._tenure = tenure
        self._chain_id = chain_id
        self._limits = limits
        self._told: frozenset[Answer] = frozenset()
        self._kept_for = ""
        self._waits_for: str | None = None

    async def turn(self, *, is_idle: bool = False) -> bool:
        """Do what is due about every open slot; return whether there are any.

        A transaction that no node will ever take halts minting. `is_idle` says that the lane found nothing to take just
        now: then it goes on saying what that would wait for only as long as it waits elsewhere.

        Raises:
            LeaseLost, RaceLost: nothing was stored.
        """
        lane, slots, head = await self._read()
        now = await self._pricing.market(head) if slots and head is not None else Market(0, 0)
        steps = [
            (slot, next_step(slot, now=now, limits=self._limits.fees, patience=self._limits.patience)) for slot in slots
        ]
        attempts = [(slot.hash, slot.raw) for slot, step in steps if isinstance(step, Send)]
        said = [step for _, step in steps]
        replacements: list[tuple[Hash, bytes]] = []
        try:
            replacements = [(one.hash, one.raw) for one in await self._replace(steps)]
        except KeyUnavailable as failure:
            # What is signed already needs no key: it is sent again all the same, at the old price.
            attempts += [(slot.hash, slot.raw) for slot, step in steps if isinstance(step, Bump) and self._is_due(slot)]
            said.append(Wait(UNSIGNED))
            self._tell_unsigned(failure.detail)
        else:
            self._kept_for = ""
        await self._send([*attempts, *replacements], sent="replacement.sent" if replacements else "attempt.sent")
        await self._note(lane, said, is_idle=is_idle)
        return bool(slots)

    def _is_due(self, slot: OpenSlot) -> bool:
        """Tell whether a slot's bytes may be sent, and were long enough ago to be sent again."""
        return not slot.offers_void_call and slot.since_sent_ms >= self._limits.patience.resend_ms

    async def doubt(self) -> None:
        """Take every open attempt for unsent, as after a restart: nobody can tell what pools still hold.

        What the lane was waiting for then may have been said about these, and is for this one to take back.
        """
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            await stored_slots.doubt(tx, address=self._signer.address)
            ours = [one for one in await lanes.lanes(tx) if one.address == self._signer.address]
        self._waits_for = next((lane.waits_for for lane in ours if lane.waits_for in OWN_REASONS), None)

    async def _read(self) -> tuple[Lane | None, list[OpenSlot], Header | None]:
        """Return the lane, its open slots and the newest block that was followed; no slots while minting is halted."""
        async with self._database.transaction() as tx:
            if (await network.network(tx)).halted_reason is not None:
                return None, [], None
            lane = next(one for one in await lanes.lanes(tx) if one.address == self._signer.address)
            slots = await stored_slots.open_slots(tx, lane=lane.id, limit=self._limits.slots_in_flight)
            return lane, slots, await blocks.tip(tx)

    async def _replace(self, steps: Sequence[tuple[OpenSlot, Step]]) -> list[Attempt]:
        """Sign and store the replacements among the steps; return them, ready to be sent."""
        bumps = [(slot, step) for slot, step in steps if isinstance(step, Bump)]
        if not bumps:
            return []
        begun = Moment.now()
        replacements = await signed(self._signer, [(slot.lane, self._unsigned(slot, bump)) for slot, bump in bumps])
        reasons = [bump.reason for _, bump in bumps]
        reach("replacement.signed")
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            stored = await stored_slots.store(tx, replacements)
            if await network.is_halted(tx):
                raise RaceLost("minting was halted meanwhile")
            reach("replacement.reserved")
        reach("replacement.stored")
        BUMPS.inc(stored)
        await tell_replaced(
            self._database, list(zip(replacements, reasons, strict=True)), lane=bumps[0][0].lane, begun=begun
        )
        for attempt, reason in zip(replacements, reasons, strict=True):
            log.info(
                "attempt.replaced",
                nonce=attempt.nonce,
                reason=reason,
                max_fee_wei=attempt.fees.max_fee_wei,
                transaction=f"0x{attempt.hash.hex()}",
            )
        # A slot that was mined meanwhile took no attempt, and its bytes must not be sent.
        return replacements if stored == len(replacements) else []

    def _unsigned(self, slot: OpenSlot, bump: Bump) -> Transaction:
        """Return the slot's call at new fees, to be signed; a no-op where its call is void."""
        is_void = slot.kind == "void"
        return Transaction(
            chain_id=self._chain_id,
            nonce=slot.nonce,
            fees=bump.fees,
            gas=NOTHING.gas if is_void else slot.gas,
            target=self._signer.address if is_void else slot.target,
            calldata=NOTHING.calldata if is_void else slot.calldata,
        )

    async def _send(self, attempts: Sequence[tuple[Hash, bytes]], *, sent: Point) -> None:
        """Send stored bytes and note what became of each; between the two the point `sent` is reached."""
        if not attempts:
            return
        reach("attempt.sending")
        said = await asyncio.gather(*(self._node.send(raw) for _, raw in attempts))
        reach(sent)
        results = [(hash_, *answers.combine(one)) for (hash_, _), one in zip(attempts, said, strict=True)]
        async with self._database.transaction() as tx:
            await stored_slots.record(tx, results)
        reach("attempt.noted")
        self._tell(results)

    def _tell_unsigned(self, problem: str) -> None:
        """Log why no replacement could be signed, once while it lasts."""
        if problem != self._kept_for:
            log.warning("attempt.kept", reason=UNSIGNED, problem=problem)
        self._kept_for = problem

    def _tell(self, results: Sequence[tuple[Hash, Answer, str]]) -> None:
        """Count and log sends; what was not simply taken is a warning with the node's words, once while it lasts."""
        told: set[Answer] = set()
        for hash_, answer, detail in results:
            SENDS.labels(answer).inc()
            if answer in {"accepted", "known"}:
                log.info("attempt.sent", transaction=f"0x{hash_.hex()}", answer=answer)
                continue
            tell = log.info if answer in self._told | told else log.warning
            tell("attempt.unaccepted", transaction=f"0x{hash_.hex()}", answer=answer, problem=detail)
            told.add(answer)
        self._told = frozenset(told)

    async def _note(self, lane: Lane | None, steps: Sequence[Step], *, is_idle: bool) -> None:
        """Note what the lane waits for besides time, and stop everything when a transaction can never be mined."""
        if lane is None:
            return
        given_up = next((step for step in steps if isinstance(step, GiveUp)), None)
        if given_up is not None:
            await self._halt(lane, given_up.reason)
            return
        reason = next((step.reason for step in steps if isinstance(step, Wait | Send) and step.reason), None)
        # What new mints wait for is for those to say who would sign them: the lane waits for that all the same.
        is_anothers = lane.waits_for is not None and lane.waits_for != self._waits_for
        if is_anothers and not (is_idle and await self._is_over(lane)):
            return
        self._waits_for = reason
        if reason == lane.waits_for:
            return
        async with self._database.transaction() as tx:
            is_news = await lanes.wait_for(tx, lane=lane.id, reason=reason)
        if is_news and reason is not None:
            log.warning("lane.waited", lane=lane.id, reason=reason)

    async def _is_over(self, lane: Lane) -> bool:
        """Tell whether nothing waits any more that this lane could take: so it waits for nothing on behalf of that.

        What another lane is about to take waits still: it may wait for the same, and leave it to this one.
        """
        if lane.state == "draining":
            return True
        async with self._database.transaction() as tx:
            return not (
                await mints.waiting_count(tx, 1) or await cancellations.to_retire(tx, 1) or await anchors.waiting(tx)
            )

    async def _halt(self, lane: Lane, reason: str) -> None:
        """Halt minting if a refused attempt is still the newest of a slot that no block carries.

        Its answer is taken back with that, so that lifting the halt has the same bytes offered again.

        Raises:
            LeaseLost: it is for the holder to judge.
        """
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            slots = await stored_slots.open_slots(tx, lane=lane.id, limit=self._limits.slots_in_flight)
            if any(slot.answer == "refused" for slot in slots):
                await stored_slots.doubt(tx, address=self._signer.address)
                await halt(tx, reason)
