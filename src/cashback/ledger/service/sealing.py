"""Chaining and sealing the books, behind the posting and never in its way.

What is certainly committed becomes leaves, a bounded batch a transaction; leaves become a seal once there are enough of
them or the oldest has waited long enough. A sealer that dies leaves nothing half done, and the next goes on from rows.
"""

from datetime import timedelta
from typing import Final

import msgspec
from prometheus_client import Counter, Gauge

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger
from cashback.ledger.model import Seal, SealingForked, SealingTransplanted
from cashback.ledger.rules.evidence import GENESIS, leaves_of, seal_hash, sealed
from cashback.ledger.service.leased import Fence
from cashback.ledger.store import evidence

LEASE: Final = "sealer"
BATCH_MAX: Final = 2_000
"""Transfers chained in one transaction."""

LEAVES: Final = Counter("cashback_ledger_leaves_total", "Transfers that were chained.")
SEALS: Final = Counter("cashback_ledger_seals_total", "Seals that were set over chained transfers.")
SEALED_TO: Final = Gauge("cashback_ledger_sealed_leaf", "The last leaf that is under a seal.")

log = logger(__name__)


class SealPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When leaves are sealed: as soon as there are `leaves_max`, and at the latest `wait_max` after the first."""

    leaves_max: int = 4_096
    wait_max: timedelta = timedelta(seconds=60)


class Sealer:
    """Chains and seals; it is turned by a loop under the lease `LEASE`."""

    def __init__(self, database: Database, *, clock: Clock, policy: SealPolicy | None = None) -> None:
        """Seal the books in `database`."""
        self._database = database
        self._clock = clock
        self._policy = policy or SealPolicy()

    async def turn(self, fence: Fence) -> bool:
        """Chain a batch and set a seal that is due, and tell whether there is more to do at once.

        Raises:
            Unavailable: the database did not answer, or the lease is lost; what was done so far stays.
            SealingTransplanted: this server counts transactions anew; nothing was chained.
            SealingForked: someone chains without the lease.
        """
        chained = await self.chain(fence)
        is_sealed = await self.seal(fence)
        return chained == BATCH_MAX or is_sealed

    async def chain(self, fence: Fence, *, limit: int = BATCH_MAX) -> int:
        """Chain what is settled and was not yet, at most `limit` transfers, and return how many there were.

        Raises:
            Unavailable, SealingTransplanted, SealingForked: as `turn`.
        """
        async with self._database.transaction() as tx:
            await fence.keep(tx)
            if await evidence.is_transplanted(tx):
                raise SealingTransplanted(
                    "this server has counted fewer transactions than the books name (docs/runbooks/restore.md)"
                )
            last = await evidence.last_leaf(tx)
            lines = await evidence.settled(tx, after=last, limit=limit)
            leaves = leaves_of(lines, after=last.number if last else 0, head=last.hash if last else GENESIS)
            if leaves and await evidence.insert_leaves(tx, leaves, at=self._clock.now()) != len(leaves):
                raise SealingForked(f"leaves after {leaves[0].number - 1} were there already")
        LEAVES.inc(len(leaves))
        return len(leaves)

    async def seal(self, fence: Fence) -> bool:
        """Seal the oldest leaves that are under no seal, if they are many or old enough, and tell whether that was so.

        Raises:
            Unavailable: as `turn`.
        """
        async with self._database.transaction() as tx:
            await fence.keep(tx)
            seal = await self._seal(tx)
        if seal is None:
            return False
        SEALS.inc()
        SEALED_TO.set(seal.last_leaf)
        log.info("books.sealed", seal=seal.number, first_leaf=seal.first_leaf, last_leaf=seal.last_leaf)
        return True

    async def _seal(self, tx: Tx) -> Seal | None:
        """Store the seal that is due and return it, None when none is."""
        last, now = await evidence.last_seal(tx), self._clock.now()
        most = self._policy.leaves_max
        leaves, since = await evidence.unsealed(tx, after_leaf=last.last_leaf if last else 0, limit=most)
        if since is None or (len(leaves) < most and now - since < self._policy.wait_max):
            return None
        seal = sealed(leaves, after=last, at=now)
        await evidence.insert_seal(tx, seal, hash_=seal_hash(seal))
        return seal
