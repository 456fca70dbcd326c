"""Anchoring evidence: accepted once, then published by a lane, one at a time, and followed to finality.

    accepted ──▶ read (a free slot, nothing under way) ──▶ announce ──▶ tried, signed and stored as `reserving` does

A newer anchor takes the place of one that waits; what a lane has taken is seen through first. An anchor that the
contracts refuse is held, so that it holds up nothing; asked for again, it is tried again.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.model import (
    ZERO_ADDRESS,
    Address,
    Anchor,
    AnchorBehind,
    AnchorConflicts,
    AnchorView,
    Attempt,
    Call,
    Lane,
    LatestAnchors,
    Policy,
    RaceLost,
    Slot,
    SlotKind,
    Waiting,
)
from cashback.chain.rules import anchoring, isolation, retiring
from cashback.chain.rules.fees import Waits
from cashback.chain.service.pulse import Pulse
from cashback.chain.service.reserving import TAKING_FOR_S, Points, Reserving
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import anchors, sightings, taking
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger

EVIDENCE: Final = Waiting(0, ZERO_ADDRESS, 0)
"""How a lane announces that it takes the anchor: by the number that no mint has."""

ACCEPTED: Final = Counter("cashback_chain_anchors_accepted_total", "Anchors accepted, each once.")
HELD: Final = Counter("cashback_chain_anchors_held_total", "Anchors that the contracts refused.", ["reason"])

log = logger(__name__)


class Anchors:
    """Accepts anchors, and tells how far they are; all may be repeated."""

    def __init__(self, database: Database, *, accepted: Pulse) -> None:
        """Store in `database`; `accepted` beats when there is something to take."""
        self._database = database
        self._accepted = accepted

    async def anchor(self, anchor: Anchor) -> AnchorView:
        """Accept an anchor that reaches further than every one before, and return how far it is; again, only that.

        What still waits for a lane is superseded by it. One that is held is tried again when it is asked for again.

        Raises:
            AnchorInvalid: the root is not 32 bytes, or the place is out of range.
            AnchorConflicts: another root is known for the place.
            AnchorBehind: the place is not known, and one further on is.
        """
        anchoring.check(anchor)
        async with self._database.transaction() as tx:
            await sightings.rely(tx)
            await anchors.lock(tx)
            is_news, superseded = await self._accept(tx, anchor)
            is_due = is_news or await anchors.release(tx, anchor.up_to)
            view = await anchors.find(tx, anchor.up_to)
        if is_news:
            ACCEPTED.inc()
            log.info("anchor.accepted", up_to=anchor.up_to, root=f"0x{anchor.root.hex()}", superseded=superseded)
        if is_due:
            self._accepted.beat()
        return view or _unknown(anchor.up_to)

    async def of(self, up_to: int) -> AnchorView:
        """Return how far the anchor of one place is; `unknown` where there is none."""
        async with self._database.transaction() as tx:
            found = await anchors.find(tx, up_to) if up_to >> 63 == 0 else None
        return found or _unknown(up_to)

    async def latest(self) -> LatestAnchors:
        """Return the newest anchor, and the newest that is final."""
        async with self._database.transaction() as tx:
            return await anchors.latest(tx)

    async def _accept(self, tx: Tx, anchor: Anchor) -> tuple[bool, int | None]:
        """Store the anchor unless it is known; return whether that is news, and which place it has superseded."""
        known = await anchors.find(tx, anchor.up_to)
        if known is not None and known.root != anchor.root:
            raise AnchorConflicts(f"another root is known up to {anchor.up_to}: 0x{known.root.hex()}", pointer="root")
        highest = await anchors.highest(tx)
        if known is None and anchor.up_to < highest:
            raise AnchorBehind(f"an anchor up to {highest} is known; {anchor.up_to} is behind it", pointer="up_to")
        superseded = await anchors.supersede_waiting(tx) if anchor.up_to > highest else None
        # The chain may have it already, from a database before this one.
        return await anchors.accept_seen(tx, anchor) or await anchors.accept(tx, anchor), superseded


class Anchoring:
    """One lane's way from the anchor that waits to a stored attempt at publishing it."""

    def __init__(
        self, database: Database, *, contracts: Contracts, signer: Address, tenure: Tenure, reserving: Reserving
    ) -> None:
        """Take nonces through `reserving`, for what goes when `signer` calls it; hold what does not."""
        self._database = database
        self._contracts = contracts
        self._signer = signer
        self._tenure = tenure
        self._reserving = reserving

    async def turn(self) -> float | None:
        """Take the anchor that waits onto the lane; return in how many seconds to look again, None when idle.

        Raises:
            RaceLost, LeaseLost: nothing was stored.
            ChainDiverged: as `Reserving.account_for`.
        """
        due = await self._read()
        if due is None:
            return None
        lane, anchor = due
        return await self._reserving.take(lane, _Evidence(anchor, self))

    async def _read(self) -> tuple[Lane, Anchor] | None:
        """Announce and return the anchor that can be taken; None when there is none, or the lane has no room."""
        async with self._database.transaction() as tx:
            room = await self._reserving.room(tx) if await anchors.waiting(tx) else None
            if room is None:
                return None
            lane, _ = room
            taken = await taking.taken_by_others(tx, lane=lane.id)
            anchor = await anchors.waiting(tx)
            if anchor is None or (EVIDENCE.number, EVIDENCE.number) in taken.ranges:
                return None
            await taking.announce(tx, lane=lane.id, waiting=[EVIDENCE], for_s=TAKING_FOR_S)
            return lane, anchor

    async def try_(self, anchor: Anchor, calls: Sequence[Call], *, block: int) -> list[Call] | Waits:
        """Return the call if it goes on top of `block`; otherwise what the lane waits for, or nothing: it is held."""
        [trial] = await self._contracts.tried(calls, sender=self._signer, block=block)
        reason = isolation.reason(trial)
        if waits := isolation.passing([reason]):
            return waits
        if reason == isolation.GOES:
            return list(calls)
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            is_news = await anchors.hold(tx, anchor.up_to, reason)
        if is_news:
            HELD.labels(reason).inc()
            log.critical("anchor.held", up_to=anchor.up_to, reason=reason)
        return []


class _Evidence:
    """An anchor as cargo."""

    kind: Final[SlotKind] = "anchor"
    points: Final = Points(signed="anchor.signed", reserved="anchor.reserved", stored="anchor.stored")

    def __init__(self, anchor: Anchor, anchoring_: Anchoring) -> None:
        """Carry one anchor."""
        self._anchor = anchor
        self._anchoring = anchoring_

    def calls(self, policy: Policy) -> list[Call] | Waits:
        """Return the one call, unless the minter is paused or a role is missing, as for a retirement."""
        return retiring.obstacle(policy) or [anchoring.call(self._anchor)]

    async def tried(self, calls: Sequence[Call], *, block: int) -> list[Call] | Waits:
        """Return the call if it goes."""
        return await self._anchoring.try_(self._anchor, calls, block=block)

    async def assign(self, tx: Tx, slots: Sequence[Slot]) -> None:
        """Have the slot publish it."""
        if not await anchors.assign(tx, self._anchor, slots[0]):
            raise RaceLost("the anchor does not wait any more")

    def tell(self, slots: Sequence[Slot], attempts: Sequence[Attempt]) -> None:
        """Say which nonce publishes it."""
        log.info(
            "anchor.reserved", nonce=slots[0].nonce, up_to=self._anchor.up_to, transaction=f"0x{attempts[0].hash.hex()}"
        )


def _unknown(up_to: int) -> AnchorView:
    """Return that nothing is known of a place."""
    return AnchorView(up_to=up_to, state="unknown")
