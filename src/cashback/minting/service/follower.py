"""Following the adapter's outcomes: one process at a time, each outcome applied once, in any epoch.

    standby ──lease──▶ watching from the stored cursor ──batch──▶ one transaction:
       ▲                      │                                     lease still ours? cursor still there?
       └──lost, failed, moved─┘                                     mints, halts, outbox

A process that lost its lease without noticing finds that its token is old and changes nothing (the fence).
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Final

from cashback.kernel import lease
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.outbox import Event, append
from cashback.kernel.telemetry import logger
from cashback.minting.gateway import Adapter
from cashback.minting.model import Cursor, CursorAhead, CursorForeign, Halt, HaltKind, Outcome, OutcomeBatch
from cashback.minting.rules import Settled, settle_all
from cashback.minting.service import metrics
from cashback.minting.service.announce import outcome_event, reverted_event
from cashback.minting.service.halts import halt
from cashback.minting.service.pace import retry_after_ms
from cashback.minting.service.requests import SCHEMA
from cashback.minting.store import cursor as cursors
from cashback.minting.store import mints

LEASE: Final = "outcomes"
LEASE_TTL_S: Final = 6.0
RENEW_S: Final = 2.0
STANDBY_S: Final = 1.0

log = logger(__name__)


class Follower:
    """The loop that follows the adapter's outcomes while it holds the lease."""

    def __init__(self, database: Database, adapter: Adapter, clock: Clock, *, holder: str) -> None:
        """Follow `adapter` in the name of `holder`, which no other process has."""
        self._database = database
        self._adapter = adapter
        self._clock = clock
        self._holder = holder
        self._failures = 0
        self._at = Cursor()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow whenever the lease can be had, until `stop` is set; then give it back, within two seconds.

        Raises:
            Broken: the adapter's answers cannot be trusted.
        """
        token: int | None = None
        while not stop.is_set():
            try:
                token = await self.acquire()
                if token is None:
                    await pause(stop, STANDBY_S)
                else:
                    await self._follow(token, stop)
            except (Unavailable, Rejected) as cause:
                self._failures += 1
                log.warning("outcomes.interrupted", code=cause.code, reason=cause.detail, failures=self._failures)
                await pause(stop, wait_s=retry_after_ms(self._failures, holder=self._holder) / 1_000)
        if token is not None:
            await self._release(token)

    async def acquire(self) -> int | None:
        """Return the fencing token when this process may follow, and read from where; None when another one does."""
        async with self._database.transaction() as tx:
            token = await lease.acquire(tx, schema=SCHEMA, name=LEASE, holder=self._holder, ttl_s=LEASE_TTL_S)
            self._at = await cursors.read(tx)
        return token

    async def apply(self, token: int, batch: OutcomeBatch) -> bool:
        """Apply what is new in `batch` and move the cursor, all or nothing, and tell whether this may go on.

        False means that the lease went to another process or the cursor was set back: nothing was changed, and
        whoever follows starts from the stored cursor.
        """
        before = self._at
        is_new_epoch = batch.epoch != before.epoch
        fresh = [outcome for outcome in batch.outcomes if is_new_epoch or outcome.sequence > before.sequence]
        reached = fresh[-1].sequence if fresh else 0 if is_new_epoch else before.sequence
        number = fresh[-1].number if fresh else 0 if is_new_epoch else before.number
        after = Cursor(batch.epoch, reached, number)
        if after == before:
            return True
        async with self._database.transaction() as tx:
            if not await lease.is_held(tx, schema=SCHEMA, name=LEASE, token=token):
                return False
            if not await cursors.move(tx, before=before, after=after):
                return False
            forgotten = await _submit_again(tx) if is_new_epoch else 0
            settled = await self._settle(tx, fresh)
            reach("outcome.applying")
        reach("cursor.moved")
        self._at = after
        if is_new_epoch:
            log.info("epoch.changed", before=before.epoch, after=after.epoch, submitted_again=forgotten)
        _count(settled)
        return True

    async def _settle(self, tx: Tx, outcomes: Sequence[Outcome]) -> Settled:
        """Store and announce what the outcomes change."""
        if not outcomes:
            return Settled((), (), 0, {})
        settled = settle_all(await mints.locked(tx, [outcome.number for outcome in outcomes]), outcomes)
        if settled.halts:
            await halt(tx, settled.halts)
        if settled.mints:
            await mints.decide(tx, settled.mints)
            if settled.voids:
                await mints.tell_due(tx)
            await append(tx, SCHEMA, _events(settled, now=self._clock.now()))
        return settled

    async def _follow(self, token: int, stop: asyncio.Event) -> None:
        """Follow until `stop` is set, the lease or the cursor moved away, or something failed."""
        parts = {asyncio.create_task(part) for part in (self._read(token), self._renew(token))}
        stopping = asyncio.create_task(stop.wait())
        metrics.following.set(1)
        try:
            await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            metrics.following.set(0)
            for task in (stopping, *parts):
                task.cancel()
            ended = await asyncio.gather(*parts, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                raise result

    async def _read(self, token: int) -> None:
        """Apply batch after batch; return when this process may not go on from here.

        Raises:
            CursorAhead: the adapter's stream does not go as far as the cursor; minting is halted.
            CursorForeign: it has another outcome there; minting is halted.
        """
        try:
            async with aclosing(self._adapter.watch(self._at)) as batches:
                async for batch in batches:
                    self._failures = 0
                    if not await self.apply(token, batch):
                        log.warning("outcomes.superseded", epoch=self._at.epoch, sequence=self._at.sequence)
                        return
        except (CursorAhead, CursorForeign) as cause:
            await self._halt_at_cursor(token, cause)
            raise

    async def _halt_at_cursor(self, token: int, cause: CursorAhead | CursorForeign) -> None:
        """Halt minting: what the adapter tells at places that were read already would never be seen."""
        kind = HaltKind.CURSOR_AHEAD if isinstance(cause, CursorAhead) else HaltKind.CURSOR_FOREIGN
        detail = f"outcomes were applied up to {self._at.sequence} of epoch {self._at.epoch}; {cause.detail}"
        async with self._database.transaction() as tx:
            is_ours = await lease.is_held(tx, schema=SCHEMA, name=LEASE, token=token)
            if is_ours and await cursors.read(tx) == self._at:
                await halt(tx, [Halt(kind=kind, number=0, cashback_id="", detail=detail)])

    async def _renew(self, token: int) -> None:
        """Keep the lease; return when it is lost or the cursor was set back."""
        while True:
            await asyncio.sleep(RENEW_S)
            # Taken first: an application beside this may go on after the cursor was read, and is no setting back.
            at = self._at
            async with self._database.transaction() as tx:
                held = await lease.acquire(tx, schema=SCHEMA, name=LEASE, holder=self._holder, ttl_s=LEASE_TTL_S)
                stored = await cursors.read(tx)
            is_set_back = stored.epoch == at.epoch and stored.sequence < at.sequence
            if held != token or is_set_back:
                return

    async def _release(self, token: int) -> None:
        """Let another process follow at once, rather than when the lease runs out."""
        with suppress(Unavailable):
            async with self._database.transaction() as tx:
                await lease.release(tx, schema=SCHEMA, name=LEASE, token=token)


async def _submit_again(tx: Tx) -> int:
    """Hand everything without an outcome to an adapter that was rebuilt, and return how much that is."""
    forgotten = await mints.submit_accepted_again(tx)
    await mints.tell_due(tx)
    return forgotten


def _events(settled: Settled, *, now: datetime) -> list[Event]:
    """Return what is told of each mint that changed: its outcome, or that it has none any more."""
    return [
        reverted_event(mint, settled.voids[mint.number], time=now)
        if mint.number in settled.voids
        else outcome_event(mint, time=now)
        for mint in settled.mints
    ]


def _count(settled: Settled) -> None:
    """Count the outcomes by what they changed, and log them in one line."""
    minted = sum(mint.inclusion is not None for mint in settled.mints)
    results = {
        "minted": minted,
        "reverted": len(settled.voids),
        "stuck": len(settled.mints) - minted - len(settled.voids),
        "unchanged": settled.unchanged,
        "contradicted": len(settled.halts),
    }
    for result, amount in results.items():
        metrics.outcomes.labels(result).inc(amount)
    if any(results.values()):
        log.info("outcomes.applied", **{result: amount for result, amount in results.items() if amount})
