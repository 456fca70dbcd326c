"""Publishing seals on the chain: the newest one, now and then, followed until it is final.

    newest seal ──asked──▶ adapter ──▶ accepted ──▶ submitted ──▶ included ──▶ final
                                  └──▶ held: asked again            superseded: a newer one covers it
    nothing under way ──▶ is the newest final one still final?

One at a time. The adapter keeps each root once however often it is asked, so asking is also how its state is heard of.
"""

from datetime import timedelta
from typing import Final, Protocol

import msgspec
from prometheus_client import Gauge

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx, forbid_in_transaction
from cashback.kernel.telemetry import logger
from cashback.ledger.model import Anchor, AnchorState, ChainAnchor
from cashback.ledger.service.leased import Fence
from cashback.ledger.store import anchors

LEASE: Final = "anchorer"
ANCHORED_TO: Final = Gauge("cashback_ledger_anchored_leaf", "The last leaf that is under a seal whose anchor is final.")

log = logger(__name__)


class AnchorGateway(Protocol):
    """The way to whoever publishes: the adapter, or a test's stand-in for it."""

    async def anchor(self, root: bytes, up_to: int) -> ChainAnchor:
        """Have a root published once, and return how far that is; asking again changes nothing.

        Raises:
            Unavailable: nobody answered; ask again.
            Rejected: it is never published like this.
        """
        ...


class AnchorPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long after an anchor was asked for the next one may be, at the earliest."""

    every: timedelta = timedelta(hours=1)


class Anchorer:
    """Publishes seals; it is turned by a loop under the lease `LEASE`."""

    def __init__(
        self, database: Database, gateway: AnchorGateway, *, clock: Clock, policy: AnchorPolicy | None = None
    ) -> None:
        """Publish the seals in `database` through `gateway`."""
        self._database = database
        self._gateway = gateway
        self._clock = clock
        self._policy = policy or AnchorPolicy()

    async def turn(self, fence: Fence) -> bool:
        """Ask for the anchor that is under way, or for a new one if it is time; False: there is no hurry.

        Raises:
            Unavailable: database or adapter did not answer; the choice of the seal stays.
            Rejected: the adapter never publishes this.
        """
        async with self._database.transaction() as tx:
            await fence.keep(tx)
            anchor = await anchors.under_way(tx) or await self._choose(tx)
        if anchor is None:
            await self._recheck(fence)
        else:
            await self._ask(fence, anchor)
        return False

    async def _ask(self, fence: Fence, anchor: Anchor) -> bool:
        """Ask how far an anchor is, store it, and tell whether that is news."""
        forbid_in_transaction("the adapter")
        standing = (await self._gateway.anchor(anchor.root, anchor.up_to)).standing
        async with self._database.transaction() as tx:
            await fence.keep(tx)
            is_news = await anchors.tell(tx, anchor.seal, standing, at=self._clock.now())
        if is_news:
            log.info("seal.anchored", seal=anchor.seal, up_to=anchor.up_to, state=standing.state)
        if standing.state is AnchorState.FINAL:
            ANCHORED_TO.set(anchor.up_to)
        return is_news

    async def _recheck(self, fence: Fence) -> None:
        """Ask for the newest final anchor again, and, while an answer is news, for the one before it.

        A person may book final blocks back; what a proof names as its transaction would not stand there any more.
        """
        before_seal: int | None = None
        while True:
            async with self._database.transaction() as tx:
                anchor = await anchors.newest_final(tx, before_seal=before_seal)
            if anchor is None or not await self._ask(fence, anchor):
                return
            before_seal = anchor.seal

    async def _choose(self, tx: Tx) -> Anchor | None:
        """Return the newest seal, chosen now, if it is time and there is a new one."""
        now, last = self._clock.now(), await anchors.last_asked_at(tx)
        if last is not None and now - last < self._policy.every:
            return None
        return await anchors.ask(tx, at=now)
