"""Delivering: claimed in one transaction, posted outside any, noted in another.

    due ──claim: hidden for 6 s, renewed──▶ post, 15 s at most ──▶ delivered │ due again │ failed │ gone: disabled
     ▲                                                                    │
     └──────────── 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h ──┘

At most 64 tries are in flight in a process, 16 of a merchant and 4 of an endpoint: one that is slow holds up no other.
A process that dies leaves its claims to run out, and what it had delivered without noting is delivered again under the
same id.

Nothing is sent that cannot be signed: where an endpoint's secret cannot be read, its tries fail as `secret_unreadable`
without a request, on the same schedule, and the deliveries of others go on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeAlias

from cashback.kernel.clock import Clock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import accompanied, pause
from cashback.kernel.telemetry import logger
from cashback.webhooks.gateway import Post, Sent
from cashback.webhooks.model import (
    Attempt,
    Claim,
    DeliveryState,
    DisabledReason,
    NoAnswer,
    SealedSecret,
    SealingKeys,
    SecretUnreadable,
)
from cashback.webhooks.rules import schedule, signing
from cashback.webhooks.service import metrics
from cashback.webhooks.service.ending import disable, end_rest
from cashback.webhooks.store import deliveries, due, endpoints

IN_FLIGHT_MAX: Final = 64
PER_MERCHANT_MAX: Final = 16
PER_ENDPOINT_MAX: Final = 4
HOLD_S: Final = 6
"""How long the claims of a worker that is dead wait; one that lives renews them, so that no try is made twice."""

RENEW_S: Final = 2.0

POLL_S: Final = 0.25
COUNT_EVERY_S: Final = 5.0
AHEAD_MAX_S: Final = 10
"""What was set to be due more than this from now was set by a clock that was set back since."""

MENDED_MAX: Final = 2_000
"""How many of those are set anew at a time."""

GRACE_S: Final = 1.0
"""How long tries in flight may still take once this is to stop; then they are given back."""

FAILURE_PAUSE_S: Final = 1.0

BY: Final = "worker webhooks"

Signers: TypeAlias = list[bytes] | SecretUnreadable
"""What a delivery is signed with, or why it cannot be."""

log = logger(__name__)


class Deliverer:
    """The loop that tries what is due."""

    def __init__(self, database: Database, post: Post, clock: Clock, *, keys: SealingKeys) -> None:
        """Post what `database` holds, signed with the secrets that `keys` open."""
        self._database = database
        self._post = post
        self._clock = clock
        self._keys = keys
        self._flying: dict[asyncio.Task[None], Claim] = {}
        self._count_due_s = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; then end within two seconds."""
        try:
            await accompanied(self._deliver(stop), self._keep())
        finally:
            await self._land()

    async def _deliver(self, stop: asyncio.Event) -> None:
        """Start tries, and take note of those that are over, until `stop` is set."""
        while not stop.is_set():
            try:
                await self._turn()
            except (Unavailable, Rejected) as cause:
                log.warning("webhooks.waiting", code=cause.code, reason=cause.detail)
                await pause(stop, FAILURE_PAUSE_S)
            await self._wait(stop)

    async def _keep(self) -> None:
        """Renew the claims of what is in flight until cancelled; where that fails others may try the same."""
        while True:
            await asyncio.sleep(RENEW_S)
            if self._flying:
                with suppress(Unavailable):
                    async with self._database.transaction() as tx:
                        await due.hold(tx, list(self._flying.values()), hold_s=HOLD_S)

    async def _turn(self) -> None:
        """Start a try of each delivery that is due, as many as there is room for."""
        room = IN_FLIGHT_MAX - len(self._flying)
        if room > 0:
            for claim, url, signers in await self._claim(room):
                self._flying[asyncio.create_task(self._fly(claim, url, signers))] = claim
        if monotonic_s() >= self._count_due_s:
            self._count_due_s = monotonic_s() + COUNT_EVERY_S
            async with self._database.transaction() as tx:
                mended = await due.mend(tx, ahead_s=AHEAD_MAX_S, limit=MENDED_MAX)
            if mended:
                log.warning("clock.set_back", deliveries=mended)
            async with self._database.transaction() as tx:
                await end_rest(tx)
            async with self._database.transaction() as tx:
                count, oldest_s = await due.waiting(tx)
            metrics.due.set(count)
            metrics.oldest.set(oldest_s)

    async def _wait(self, stop: asyncio.Event) -> None:
        """Return when a try is over, something may be due, or this is to stop."""
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({stopping, *self._flying}, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        for task in [task for task in self._flying if task.done()]:
            del self._flying[task]
            task.result()

    async def _land(self) -> None:
        """Let tries in flight end for a while, and give the others back for anybody to take now."""
        if not self._flying:
            return
        await asyncio.wait(self._flying, timeout=GRACE_S)
        late = [claim for task, claim in self._flying.items() if not task.done()]
        for task in self._flying:
            task.cancel()
        await asyncio.wait(self._flying)
        ended, self._flying = self._flying, {}
        if late:
            log.info("deliveries.given_back", count=len(late))
            async with self._database.transaction() as tx:
                await due.give_back(tx, late)
        for task in ended:
            if not task.cancelled():
                task.result()

    async def _claim(self, room: int) -> list[tuple[Claim, str, Signers]]:
        """Return what is to be tried now, with where and what it is signed with."""
        async with self._database.transaction() as tx:
            claims = await due.claim_due(
                tx, limit=room, per_merchant=PER_MERCHANT_MAX, per_endpoint=PER_ENDPOINT_MAX, hold_s=HOLD_S
            )
            if not claims:
                return []
            ids = sorted({claim.endpoint_id for claim in claims})
            urls = await endpoints.urls(tx, ids)
            sealed = await endpoints.living_secrets(tx, ids)
        reach("delivery.claimed")
        signers = self._opened(sealed)
        return [(claim, urls[claim.endpoint_id], signers[claim.endpoint_id]) for claim in claims]

    def _opened(self, sealed: Sequence[SealedSecret]) -> Mapping[str, Signers]:
        """Return the secrets of each endpoint, the newest first, or why one of them cannot be read."""
        opened: dict[str, Signers] = {}
        for each in sealed:
            signers = opened.setdefault(each.endpoint_id, [])
            if isinstance(signers, SecretUnreadable):
                continue
            try:
                signers.append(signing.unseal(each, keys=self._keys))
            except SecretUnreadable as cause:
                # A receiver may know any living secret, so that one that is missing is too few.
                opened[each.endpoint_id] = cause
        return opened

    async def _send(self, claim: Claim, url: str, signers: Signers, *, at: datetime) -> Sent:
        """Return what came of one try; without a request when it cannot be signed."""
        if isinstance(signers, SecretUnreadable):
            metrics.unsigned.inc()
            log.error(
                "delivery.unsigned", delivery=claim.id, code=signers.code, reason=signers.detail, **signers.fields
            )
            return Sent(NoAnswer(SecretUnreadable.code), None, 0)
        headers = signing.headers(signers, event_id=claim.event_id, timestamp=int(at.timestamp()), body=claim.body)
        sent = await self._post.send(url, headers=headers, body=claim.body)
        reach("delivery.answered")
        metrics.requests.observe(sent.took_ms / 1_000)
        return sent

    async def _fly(self, claim: Claim, url: str, signers: Signers) -> None:
        """Make one try and note how it went; when it cannot be noted the claim runs out, and it is tried again.

        What nobody thought of costs this delivery a try: were it raised, the next one to claim it would end of it, too.
        """
        at = self._clock.now()
        try:
            await self._conclude(claim, url, await self._send(claim, url, signers, at=at), at=at)
        except Unavailable as cause:
            log.warning("delivery.unnoted", delivery=claim.id, reason=cause.detail)
        except Exception:
            log.exception("delivery.unforeseen", delivery=claim.id, endpoint=claim.endpoint_id)
            with suppress(Unavailable):
                await self._conclude(claim, url, Sent(schedule.UNFORESEEN, None, 0), at=at)

    async def _conclude(self, claim: Claim, url: str, sent: Sent, *, at: datetime) -> None:
        """Note what a try came to, and tell of it."""
        attempt = Attempt(at=at, address=sent.address, outcome=sent.outcome, took_ms=sent.took_ms)
        verdict = schedule.judge(sent.outcome, tries=claim.attempts + 1, name=claim.id, now=self._clock.now())
        noted = await self._note(claim, url, attempt, verdict)
        reach("delivery.noted")
        outcome = "outrun" if noted is None else type(noted).__name__.lower()
        metrics.deliveries.labels(outcome).inc()
        log.info("delivery.tried", delivery=claim.id, endpoint=claim.endpoint_id, outcome=outcome, took_ms=sent.took_ms)

    async def _note(self, claim: Claim, url: str, attempt: Attempt, verdict: schedule.Next) -> schedule.Next | None:
        """Store a try and return what follows from it; None when the delivery has ended or is another's by now.

        What changes an endpoint comes before what changes its deliveries, as everywhere. What an address answers that
        the endpoint has left meanwhile is not held against it.
        """
        is_theirs = schedule.is_theirs(attempt.outcome)
        async with self._database.transaction() as tx:
            match verdict:
                case schedule.Delivered():
                    await endpoints.note_success(tx, claim.endpoint_id)
                case schedule.Again() | schedule.GivenUp():
                    if is_theirs:
                        await endpoints.note_failure(tx, claim.endpoint_id, url=url)
                case schedule.Gone():
                    found = await endpoints.locked(tx, claim.endpoint_id)
                    if found is not None and found.url != url:
                        verdict = schedule.judge_elsewhere(tries=claim.attempts + 1, name=claim.id)
            state, wait_ms = _state_after(verdict)
            is_noted = await deliveries.note(tx, claim, state, wait_ms=wait_ms)
            if is_noted:
                await deliveries.insert_attempt(tx, claim, attempt)
            if isinstance(verdict, schedule.Gone):
                await disable(tx, claim.endpoint_id, DisabledReason.GONE, by=BY)
        if is_theirs and isinstance(verdict, schedule.GivenUp):
            await self._give_up_on(claim.endpoint_id)
        return verdict if is_noted else None

    async def _give_up_on(self, endpoint_id: str) -> None:
        """Disable an endpoint that has failed for too long; the first failure after quiet days is none of that."""
        async with self._database.transaction() as tx:
            if await endpoints.is_failing(tx, endpoint_id, for_s=int(schedule.FAILING_FOR.total_seconds())):
                await endpoints.locked(tx, endpoint_id)
                # Asked again: a success may have been noted before the lock was had.
                if await endpoints.is_failing(tx, endpoint_id, for_s=int(schedule.FAILING_FOR.total_seconds())):
                    await disable(tx, endpoint_id, DisabledReason.FAILING, by=BY)


def _state_after(verdict: schedule.Next) -> tuple[DeliveryState, int | None]:
    """Return what a delivery becomes, and after how long (ms) it is due if it is."""
    match verdict:
        case schedule.Delivered():
            return DeliveryState.DELIVERED, None
        case schedule.Again(wait_ms=wait_ms):
            return DeliveryState.DUE, wait_ms
        case schedule.GivenUp() | schedule.Gone():
            return DeliveryState.FAILED, None
