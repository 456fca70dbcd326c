"""What time and people do to a cashback before its mint request, in bounded batches, by any number of workers.

| round      | step                              | because                                             |
|------------|-----------------------------------|-----------------------------------------------------|
| reviewed   | review -> pending, approved or voided | people have said what is needed                 |
| released   | pending -> approved               | the return window of the purchase is over           |
| expired    | approved -> expired               | no wallet was linked for as long as the programme waits |

Each batch is one transaction: cashbacks are locked first (those that another worker holds are passed over), then
accounts in their order, and the events come last. A paused programme is left alone.

One cashback that cannot take its step, whatever the reason, stops nobody else's: its batch is halved down to it, and it
is named in the log and left out for a while. Of many at once the fault is another one, and the worker stops.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec
from prometheus_client import Counter, Gauge

from cashback.events import to_event
from cashback.events.catalogue import Body
from cashback.events.ledger import CashbackApproved, CashbackExpired, CashbackVoided
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.outbox import Event, append
from cashback.kernel.telemetry import logger
from cashback.ledger.model import BooksMoved, State
from cashback.ledger.model.life import Unrequested, Wanted
from cashback.ledger.rules.life import moved
from cashback.ledger.service.left_out import LeftOut
from cashback.ledger.service.posting import post
from cashback.ledger.store import life as store
from cashback.ledger.store import reviews

ACTOR: Final = "ledger"
REVIEWER: Final = "operator"
HOLD_OVER: Final = "hold_over"
NO_WALLET: Final = "no_wallet"

MOVED: Final = Counter(
    "cashback_ledger_life_moved_total", "Cashbacks that time or people moved before their request.", ["to"]
)
REVIEWS: Final = Gauge("cashback_ledger_reviews_waiting", "Cashbacks that wait for a person's verdict.")
REVIEW_AGE: Final = Gauge("cashback_ledger_review_oldest_seconds", "How long the oldest of them has waited.")

SKIPPED: Final = Counter(
    "cashback_ledger_life_skipped_total", "Cashbacks whose step failed alone, and waits.", ["step"]
)


_SECOND: Final = timedelta(seconds=1)

_Take: TypeAlias = Callable[[Tx, Wanted], Awaitable[list[Unrequested]]]


class _Step(msgspec.Struct, frozen=True):
    """One kind of step: how cashbacks are taken to it, locked, and who moves them; None: taking has moved them."""

    name: str
    take: _Take
    actor: str | None


log = logger(__name__)


class LifePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often it is looked, how many cashbacks one transaction moves at most, how long a failed one is left out."""

    look_every_s: float = 1.0
    batch_max: int = 5_000
    skip_for: timedelta = timedelta(minutes=10)


class Lived(msgspec.Struct, frozen=True, kw_only=True):
    """What one round moved."""

    reviewed: int
    released: int
    expired: int


class Life:
    """Moves what is due, round after round; any number may run at the same time."""

    def __init__(self, database: Database, *, clock: Clock, policy: LifePolicy | None = None) -> None:
        """Move nothing yet."""
        self._database = database
        self._clock = clock
        self._policy = policy or LifePolicy()
        self._left_out = LeftOut(clock, lasts=self._policy.skip_for)

    async def run(self, stop: asyncio.Event) -> None:
        """Look every `look_every_s` until `stop` is set, and at once again while batches are full.

        Raises:
            Broken: one of our invariants does not hold, and of more cashbacks than can be left out.
        """
        while not stop.is_set():
            is_full = False
            try:
                lived = await self.round()
                is_full = max(lived.reviewed, lived.released, lived.expired) >= self._policy.batch_max
            except Unavailable as error:
                log.warning("life.postponed", code=error.code, detail=error.detail)
            if not is_full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._policy.look_every_s)

    async def round(self) -> Lived:
        """Move at most one batch of each kind and return how many moved.

        Raises:
            Unavailable: the database failed at one kind or more; what the round has done of the others stays.
            Broken: one of our invariants does not hold.
        """
        count: dict[str, int] = {}
        failure: Unavailable | None = None
        for step in (_REVIEWED, _RELEASED, _EXPIRED):
            # A queue that is too long to be looked at in time holds up its own kind only.
            try:
                count[step.name] = await self._step(step)
            except Unavailable as error:
                log.warning("life.step_postponed", step=step.name, code=error.code, detail=error.detail)
                failure = failure or error
        if failure is not None:
            raise failure
        await self._observe()
        return Lived(**count)

    async def _step(self, step: _Step) -> int:
        """Do one batch of one kind and return how many moved; who fails alone is left out for a while.

        Raises:
            Unavailable: the database failed.
            Exception: what one cashback failed with, and too many others are left out already.
        """

        async def batch(wanted: Wanted, ids: list[str]) -> int:
            return await self._batch(step, wanted, ids)

        def skipped(cashback_id: str, error: Exception) -> None:
            SKIPPED.labels(step.name).inc()
            log.error("life.skipped", step=step.name, cashback=cashback_id, exc_info=error)

        return sum(await self._left_out.apart(batch, limit=self._policy.batch_max, skipped=skipped))

    async def _batch(self, step: _Step, wanted: Wanted, ids: list[str]) -> int:
        """Do one batch in a transaction of its own, noting in `ids` whom it takes; return how many moved."""
        async with self._database.transaction() as tx:
            cashbacks = await step.take(tx, wanted)
            ids += [cashback.id for cashback in cashbacks]
            await self._move(tx, step, cashbacks, at=wanted.now)
        for cashback in cashbacks:
            MOVED.labels(cashback.to_state.value).inc()
        if cashbacks:
            log.info("life.moved", cause=cashbacks[0].cause, cashbacks=len(cashbacks))
        return len(cashbacks)

    async def _move(self, tx: Tx, step: _Step, cashbacks: Sequence[Unrequested], *, at: datetime) -> None:
        """Take the step of locked cashbacks, with what it posts and tells.

        Raises:
            BooksMoved: one of them moved under its lock.
        """
        if step.actor is not None and cashbacks:
            count = await store.move(tx, cashbacks, actor=step.actor, at=at)
            if count != len(cashbacks):
                raise BooksMoved(f"{count} of {len(cashbacks)} cashbacks could be moved")
        await post(tx, [posting for cashback in cashbacks for posting in moved(cashback)], at=at)
        await append(tx, "ledger", [event for cashback in cashbacks for event in _told(cashback, at)])

    async def _observe(self) -> None:
        """Tell the metrics how many wait for people, and how long the oldest of them has: nothing hangs unseen (I4)."""
        async with self._database.transaction() as tx:
            count, oldest = await reviews.backlog(tx)
        REVIEWS.set(count)
        REVIEW_AGE.set(max(0, (self._clock.now() - oldest) // _SECOND) if oldest else 0)


async def _released(tx: Tx, wanted: Wanted) -> list[Unrequested]:
    """Approve what was held for long enough."""
    return await store.release(tx, wanted, actor=ACTOR, cause=HOLD_OVER)


async def _expired(tx: Tx, wanted: Wanted) -> list[Unrequested]:
    """Lock what nobody claimed with a wallet."""
    return await store.lock_unclaimed(tx, wanted, cause=NO_WALLET)


_REVIEWED: Final = _Step("reviewed", store.lock_reviewed, REVIEWER)
_RELEASED: Final = _Step("released", _released, None)
_EXPIRED: Final = _Step("expired", _expired, ACTOR)


def _told(cashback: Unrequested, now: datetime) -> list[Event]:
    """Return what the world is told of a step; of a hold that begins after a review it is told nothing."""
    body: Body
    match cashback.to_state:
        case State.APPROVED:
            body = CashbackApproved(
                cashback_id=cashback.id,
                purchase_id=cashback.purchase_id,
                user_id=cashback.user_id,
                amount_minor=str(cashback.amount),
                currency=cashback.currency,
                token_units=str(cashback.token_units),
            )
        case State.VOIDED:
            body = CashbackVoided(
                cashback_id=cashback.id,
                purchase_id=cashback.purchase_id,
                user_id=cashback.user_id,
                amount_minor=str(cashback.amount),
                currency=cashback.currency,
                reason=cashback.cause,
            )
        case State.EXPIRED:
            body = CashbackExpired(
                cashback_id=cashback.id,
                purchase_id=cashback.purchase_id,
                user_id=cashback.user_id,
                amount_minor=str(cashback.amount),
                currency=cashback.currency,
            )
        case _:
            return []
    return [to_event(body, time=now, traceparent=cashback.traceparent)]
