"""Taking blocks in: their logs become verdicts about mints, and what is deep enough becomes final; one transaction.

MintedLog   our mint, same recipient and amount ──▶ included       other recipient or amount ──▶ divergence
            nobody's mint (yet)                 ──▶ used_numbers
SkippedLog  in a transaction of the mint's own slot: number used ──▶ whatever used it; else ──▶ included, failed
RetiredLog  ──▶ included, failed
AnchoredLog our anchor ──▶ included                  nobody's ──▶ seen_anchors; a divergence where all are known
"""

from collections.abc import Collection, Sequence
from typing import Final, TypeVar

import msgspec
from prometheus_client import Counter, Gauge

from cashback.chain.model import Address, AnchoredLog, Header, MintedLog, RetiredLog, SeenLog, SkippedLog
from cashback.chain.rules import anchoring
from cashback.chain.service.halting import halt
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import anchor_logs, anchor_slots, anchors, blocks, cancellations, network, outcomes, sightings
from cashback.kernel.db import Database, Tx
from cashback.kernel.failpoints import reach
from cashback.kernel.money import INT63_MAX
from cashback.kernel.telemetry import logger

OUTCOMES_PER_TRANSACTION_MAX: Final = 4_096
UNKNOWN_TOLD_MAX: Final = 10
"""So many unknown numbers are named when minting halts for them; all are in `used_numbers`."""
_HEADERS_KEPT_BELOW_FINAL: Final = 256

INCLUDED: Final = Counter("cashback_chain_mints_included_total", "Mints seen in a block; again after a reorganisation.")
FINAL: Final = Counter("cashback_chain_outcomes_total", "Outcomes written.")
ANCHORED: Final = Counter("cashback_chain_anchors_included_total", "Anchors seen in a block; again after a fork.")
HEAD: Final = Gauge("cashback_chain_head", "The block followed to.")

L = TypeVar("L", bound=SeenLog)

log = logger(__name__)


class Sighted(msgspec.Struct, frozen=True):
    """What taking blocks in changed, and which contradictions it met; for those, minting is halted by now."""

    included: int
    slots: int
    outcomes: int
    contradictions: tuple[str, ...]


class Sighting:
    """Takes blocks in while the follower's lease is held."""

    def __init__(self, database: Database, *, tenure: Tenure, signers: Collection[Address]) -> None:
        """Store into `database`, fenced by `tenure`; `signers` are those whose lanes this adapter leads."""
        self._database = database
        self._tenure = tenure
        self._signers = signers

    async def take(
        self, headers: Sequence[Header], logs: Sequence[SeenLog], *, safe: int, final: int, is_at_head: bool
    ) -> Sighted:
        """Take in blocks that follow the tip, the last of them the head or not, and give outcomes up to block `final`.

        A contradiction halts minting and is passed over: the other mints of the block have their truth all the same.

        Raises:
            LeaseLost: nothing was stored.
        """
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            await blocks.append(tx, headers)
            included, contradictions = await _include(tx, _of(MintedLog, logs))
            anchored = await _include_anchors(tx, _of(AnchoredLog, logs))
            slots = await sightings.mined(tx, [(place, "") for place in {one.place for one in logs}]) if logs else 0
            contradictions += await _refuse(tx, logs)
            written, more = await self._finalise(tx, safe=safe, final=min(final, headers[-1].number))
            contradictions += more
            contradictions += await self._strangers(tx, logs, final=final, is_at_head=is_at_head)
            for reason in contradictions:
                await halt(tx, reason)
            if included or written:
                reach("blocks.taking")
        if included:
            reach("mints.included")
        if written:
            reach("outcomes.written")
        HEAD.set(headers[-1].number)
        INCLUDED.inc(included)
        ANCHORED.inc(anchored)
        if included:
            log.info("mints.included", count=included, block=headers[-1].number)
        return Sighted(included, slots, written, tuple(contradictions))

    async def finalise(self, *, safe: int, final: int) -> Sighted:
        """Give mints up to block `final`, which was taken in before, their outcome; bounded, so ask until none is left.

        Raises:
            LeaseLost: nothing was stored.
        """
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            written, contradictions = await self._finalise(tx, safe=safe, final=final)
            for reason in contradictions:
                await halt(tx, reason)
            if written:
                reach("blocks.taking")
        if written:
            reach("outcomes.written")
        return Sighted(0, 0, written, tuple(contradictions))

    async def _strangers(self, tx: Tx, logs: Sequence[SeenLog], *, final: int, is_at_head: bool) -> list[str]:
        """Halt for what the chain minted or anchored and nobody asked for here; return the reasons.

        Only from where on everything is known: far behind the head old blocks are still to come, and what another
        database may have made.
        """
        is_news = is_at_head and await network.know_mints(tx, signers=self._signers, from_block=final)
        if is_news:
            log.info("mints.known", from_block=final)
        minted = None if is_news else [one.number for one in _of(MintedLog, logs)]
        anchored = None if is_news else [one.up_to for one in _of(AnchoredLog, logs)]
        reasons = []
        if minted != [] and (numbers := await sightings.unknown(tx, among=minted, limit=UNKNOWN_TOLD_MAX)):
            await halt(tx, "unknown_mint", detail=_told(numbers))
            reasons.append("unknown_mint")
        if anchored != [] and (found := await anchor_logs.unknown(tx, among=anchored, limit=UNKNOWN_TOLD_MAX)):
            await halt(tx, "unknown_anchor", detail=_told_anchors(found))
            reasons.append("unknown_anchor")
        return reasons

    async def _finalise(self, tx: Tx, *, safe: int, final: int) -> tuple[int, list[str]]:
        """Write outcomes up to `final`, close the slots up to there, and forget headers far below it."""
        await network.raise_heads(tx, safe_block=safe, final_block=final)
        written = await outcomes.finalise_mints(tx, final_block=final, limit=OUTCOMES_PER_TRANSACTION_MAX)
        reverted = await outcomes.finalise_slots(tx, final_block=final)
        await cancellations.release_reverted(tx)
        anchored = await anchors.finalise(tx, final_block=final)
        failed = await _release_anchors(tx)
        unlogged = await outcomes.carried_without_log(tx, limit=1)
        await blocks.prune(tx, below=final - _HEADERS_KEPT_BELOW_FINAL)
        FINAL.inc(written)
        if written:
            log.info("outcomes.written", count=written, final_block=final)
        if reverted:
            log.warning("mints.requeued", slots=len(reverted), reasons=sorted(set(reverted)))
        if anchored:
            log.info("anchors.finalised", up_to=anchored, final_block=final)
        for up_to, reason, state in failed:
            tell = log.critical if state == "held" else log.warning
            tell("anchor.reverted", up_to=up_to, reason=reason, state=state)
        return written, ["mined_without_log"] if unlogged else []


async def _include(tx: Tx, minted: Sequence[MintedLog]) -> tuple[int, list[str]]:
    """Match mint logs; return how many mints they moved, and whether the chain has minted one of ours otherwise."""
    if not minted:
        return 0, []
    ours = [one for one in minted if one.number <= INT63_MAX]
    moved = await sightings.include(tx, ours)
    strange = [one for one in minted if one.number not in moved]
    if not strange:
        return len(moved), []
    await sightings.remember(tx, strange)
    contradicted = await sightings.contradicted(tx, [one for one in strange if one.number <= INT63_MAX])
    return len(moved), ["number_minted_otherwise"] if contradicted else []


async def _include_anchors(tx: Tx, anchored: Sequence[AnchoredLog]) -> int:
    """Match anchors' logs; return how many anchors they moved."""
    if not anchored:
        return 0
    # Whoever accepts one meanwhile would not see that it stands on the chain, and have it published once more.
    await anchors.lock(tx)
    return await anchor_logs.include(tx, anchored)


async def _release_anchors(tx: Tx) -> list[tuple[int, str, str]]:
    """Take anchors out of slots whose call failed for good; return each with the reason and the state it is in now."""
    if not await anchor_slots.have_failed(tx):
        return []
    # Which one is the newest is asked once nobody can accept another: of two that wait the schema refuses one.
    await anchors.lock(tx)
    return await anchor_slots.release_reverted(tx, reverts_max=anchoring.REVERTS_MAX)


async def _refuse(tx: Tx, logs: Sequence[SeenLog]) -> list[str]:
    """Match skips and retirements; return a contradiction when a number was used and nothing known tells by what."""
    retired = [one for one in _of(RetiredLog, logs) if one.number <= INT63_MAX]
    if retired:
        await sightings.remember(tx, retired)
        await sightings.fail(tx, [(one.number, "number_retired", one.place) for one in retired], is_carried=False)
    skipped = [one for one in _of(SkippedLog, logs) if one.number <= INT63_MAX]
    failures = [(one.number, one.reason, one.place) for one in skipped if one.reason != "number_used"]
    if failures:
        await sightings.fail(tx, failures, is_carried=True)
    used = [(one.number, one.place) for one in skipped if one.reason == "number_used"]
    if not used:
        return []
    await sightings.settle_used(tx, [number for number, _ in used])
    return ["number_used_without_log"] if await sightings.unexplained(tx, used) else []


def _told(numbers: Sequence[int]) -> str:
    """Return numbers as the detail of a halt, of bounded length."""
    more = " and perhaps more" if len(numbers) == UNKNOWN_TOLD_MAX else ""
    return f"minted, and never submitted here: {', '.join(map(str, numbers))}{more}"


def _told_anchors(found: Sequence[tuple[int, bytes]]) -> str:
    """Return anchors as the detail of a halt, of bounded length."""
    up_to, root = found[0]
    more = f", and {', '.join(str(one) for one, _ in found[1:])}" if len(found) > 1 else ""
    return f"anchored, and never asked for here: up to {up_to} the root 0x{root.hex()}{more}"


def _of(kind: type[L], logs: Sequence[SeenLog]) -> list[L]:
    """Return the logs of one kind."""
    return [one for one in logs if isinstance(one, kind)]
