"""Cooling down: changes of wallets take effect once their time has come; any number of processes may run this.

    due ──▶ hold the wallets ──▶ lock the users ──▶ still open? ──▶ linked here and in the ledger, and ended
                                                        └── as many have the wallet as may by now ──▶ refused

One process at a time applies, at most `BATCH_MAX` in a transaction; what it has not committed another one does. Where a
batch breaks each of it is applied by itself, and what breaks alone is put aside for a while: nobody waits for it. A
clock that goes back undoes nothing: what has ended stays ended. Challenges that nobody answered are forgotten on the
way.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from prometheus_client import Counter

from cashback import ledger
from cashback.kernel.clock import Clock, monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.telemetry import logger
from cashback.purchases.model.ownership import Ended, WalletChange
from cashback.purchases.service.wallets import link
from cashback.purchases.store import challenges, people
from cashback.purchases.store import wallets as store
from cashback.purchases.store.wallets import Linked

LOOK_EVERY_S: Final = 5.0
BATCH_MAX: Final = 500
ASIDE_FOR_S: Final = 600.0
"""So long a change that broke is left out: somebody is to look at it, and it is tried again all the same."""

CHANGES: Final = Counter(
    "cashback_purchases_wallet_changes_total",
    "Changes of wallets whose time had come, by what became of them.",
    ["outcome"],
)

log = logger(__name__)


class CoolDown:
    """The loop that applies changes of wallets."""

    def __init__(self, database: Database, *, clock: Clock, look_every_s: float = LOOK_EVERY_S) -> None:
        """Look into `database` every `look_every_s`."""
        self._database = database
        self._clock = clock
        self._look_every_s = look_every_s
        self._aside_until_s: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Apply what is due until `stop` is set, and at once again while batches are full."""
        while not stop.is_set():
            is_full = False
            try:
                is_full = await self.round() == BATCH_MAX
            except Unavailable as cause:
                log.warning("wallets.postponed", code=cause.code, reason=cause.detail)
            except Exception:  # the API outlives a batch that broke, and goes on answering
                log.exception("wallets.not_applied")
            if not is_full:
                await pause(stop, self._look_every_s)

    async def round(self) -> int:
        """Apply one batch of what is due, unless another process is at it, and return how many changes were due.

        Raises:
            DatabaseUnavailable: nothing of the batch is applied, or all of it.
        """
        now, monotonic_now_s = self._clock.now(), monotonic_s()
        self._aside_until_s = {
            id_: until_s for id_, until_s in self._aside_until_s.items() if until_s > monotonic_now_s
        }
        due: list[WalletChange] = []
        try:
            async with self._database.transaction() as tx:
                if not await store.take_turn(tx):
                    return 0
                due += await store.due(tx, now=now, limit=BATCH_MAX, but=[*self._aside_until_s])
                done = await _apply(tx, due, now)
                await challenges.forget(tx, now=now, limit=BATCH_MAX)
        except Unavailable:
            raise
        except Exception:
            if not due:
                raise
            log.exception("wallets.not_applied")
            await self._one_by_one(due, now)
        else:
            _tell(*done)
        return len(due)

    async def _one_by_one(self, due: Sequence[WalletChange], now: datetime) -> None:
        """Apply each change in a transaction of its own; what breaks is put aside.

        Raises:
            DatabaseUnavailable: some are applied, and the others later.
        """
        for change in due:
            try:
                async with self._database.transaction() as tx:
                    if not await store.take_turn(tx):
                        return
                    done = await _apply(tx, [change], now)
            except Unavailable:
                raise
            except Exception:  # it is put aside, and the others are not to wait for it
                log.exception("wallet.not_applied", user_id=change.user_id, change_id=change.id)
                self._put_aside(change)
            else:
                _tell(*done)

    def _put_aside(self, change: WalletChange) -> None:
        """Leave a change out for a while, and at most as many as a batch has: of more the first is tried again."""
        CHANGES.labels("broken").inc()
        if len(self._aside_until_s) >= BATCH_MAX:
            del self._aside_until_s[next(iter(self._aside_until_s))]
        self._aside_until_s[change.id] = monotonic_s() + ASIDE_FOR_S


def _tell(applied: Sequence[WalletChange], refused: Sequence[WalletChange]) -> None:
    """Count and log what took effect, and what may not."""
    CHANGES.labels("applied").inc(len(applied))
    CHANGES.labels("refused").inc(len(refused))
    for change in applied:
        log.info("wallet.linked", user_id=change.user_id, change_id=change.id)
    for change in refused:
        log.warning("wallet.refused", user_id=change.user_id, change_id=change.id)


async def _apply(tx: Tx, due: Sequence[WalletChange], now: datetime) -> tuple[list[WalletChange], list[WalletChange]]:
    """Have changes take effect that are still open, and return those that did, and those that may not."""
    if not due:
        return [], []
    shared = await ledger.hold_wallets(tx, [(change.user_id, change.wallet) for change in due])
    await people.lock_users(tx, sorted({change.user_id for change in due}))
    # Read once the users are locked: whoever cancelled or superseded one has said so by now, or erased its user.
    known = await store.read(tx, [change.id for change in due])
    applied: list[WalletChange] = []
    refused: list[WalletChange] = []
    joined: dict[str, int] = {}
    for change, one in zip(due, shared, strict=True):
        if change.id not in known or known[change.id].ended_at is not None:
            continue
        beside = joined.get(change.wallet, 0)
        if not one.has_room(beside=beside):
            refused.append(change)
            continue
        applied.append(change)
        joined[change.wallet] = beside + (not one.is_own)
    await link(
        tx, [Linked(user_id=change.user_id, wallet=change.wallet, proof=change.proof) for change in applied], now=now
    )
    for changes, as_ in ((applied, Ended.APPLIED), (refused, Ended.REFUSED)):
        if changes:
            await store.end(tx, [change.id for change in changes], as_=as_, at=now)
    return applied, refused
