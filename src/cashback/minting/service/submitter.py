"""Handing mints to the adapter: claimed in one transaction, sent outside any, answers noted in another.

    due ──claim: hidden for 4 s, and again each second──▶ one call of at most 500 ──▶ accepted │ stuck │ conflict: halt
     ▲                                                        │ no answer
     └───────────────────────────── a while later, with jitter┘

Any number of submitters may run; they skip each other's claims, and the adapter takes each number once. So a claim only
saves a call: one that ran out under a submitter that lives costs a repetition, one of a submitter that died 4 s.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cashback.kernel.addresses import address_text
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Session
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import accompanied, pause, until_stopped
from cashback.kernel.outbox import append
from cashback.kernel.telemetry import logger
from cashback.minting.gateway import SUBMIT_MINTS_MAX, Adapter
from cashback.minting.model import Halt, HaltKind, Mint, SubmitResult, Verdict
from cashback.minting.rules import NO_REASON, NUMBER_USED_OTHERWISE
from cashback.minting.service import metrics
from cashback.minting.service.announce import outcome_event
from cashback.minting.service.halts import halt
from cashback.minting.service.pace import retry_after_ms
from cashback.minting.service.requests import SCHEMA
from cashback.minting.store import halts, mints

CLAIM_HOLD_S: Final = 4
"""How long the claims of a submitter that is dead wait; one that lives renews them while its call is under way."""

RENEW_S: Final = 1.0
"""How often it does: calls are usually over before the first time."""

POLL_S: Final = 0.5
"""How often claims are looked for that ran out; what is new is told."""

GRACE_S: Final = 1.0
"""How long a call in flight may still take once this is to stop; then its claim is left to run out."""

log = logger(__name__)


class Submitter:
    """The loop that hands due mints over, as soon as a transaction that made some due has committed."""

    def __init__(self, database: Database, adapter: Adapter, clock: Clock, *, holder: str) -> None:
        """Submit to `adapter` what `database` holds; `holder` names this process and spreads its waits."""
        self._database = database
        self._adapter = adapter
        self._clock = clock
        self._holder = holder
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Submit what is due, batch after batch, until `stop` is set; then end within two seconds.

        Raises:
            Broken: the adapter's answers cannot be trusted.
        """
        while not stop.is_set():
            try:
                async with self._database.session() as session:
                    await mints.listen_due(session)
                    await self._submit(session, stop)
            except (Unavailable, Rejected) as cause:
                self._failures += 1
                metrics.submit_failures.inc()
                log.warning("submission.failed", code=cause.code, reason=cause.detail, failures=self._failures)
                # Being told of more is no reason to press a neighbour that is down.
                await pause(stop, wait_s=retry_after_ms(self._failures, holder=self._holder) / 1_000)

    async def submit_due(self) -> int:
        """Submit one batch and return how many mints it had; 0 when nothing is due or minting is halted.

        Raises:
            Unavailable: adapter or database did not answer; the mints are due again a while later.
            Rejected: the adapter refused the call as a whole; likewise.
        """
        claimed = await self._claim()
        if not claimed:
            return 0
        reach("mint.claimed")
        try:
            verdicts = await accompanied(self._adapter.submit(claimed), self._keep(claimed))
        except (Unavailable, Rejected):
            await self._give_back(claimed)
            raise
        reach("mint.answered")
        await self._note(claimed, verdicts)
        return len(claimed)

    async def _submit(self, session: Session, stop: asyncio.Event) -> None:
        """Submit all that is due, then wait until more may be, over and over."""
        while not stop.is_set():
            await until_stopped(self._submit_all(stop), stop, grace_s=GRACE_S)
            if not stop.is_set():
                await _heard(session, within_s=POLL_S)

    async def _submit_all(self, stop: asyncio.Event) -> None:
        """Submit until nothing is due."""
        while await self.submit_due() and not stop.is_set():
            self._failures = 0
        self._failures = 0

    async def _claim(self) -> list[Mint]:
        """Return what is to be submitted now."""
        async with self._database.transaction() as tx:
            is_halted = await halts.are_open(tx)
            metrics.halted.set(is_halted)
            return [] if is_halted else await mints.claim_due(tx, limit=SUBMIT_MINTS_MAX, hold_s=CLAIM_HOLD_S)

    async def _keep(self, claimed: Sequence[Mint]) -> None:
        """Renew the claims until cancelled; where that fails they run out, and others may submit the same."""
        numbers = [mint.number for mint in claimed]
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(Unavailable):
                async with self._database.transaction() as tx:
                    await mints.hold(tx, numbers, hold_s=CLAIM_HOLD_S)

    async def _give_back(self, claimed: Sequence[Mint]) -> None:
        """Make the claimed mints due again when this process will look again."""
        delay_ms = retry_after_ms(self._failures + 1, holder=self._holder)
        async with self._database.transaction() as tx:
            await mints.give_back(tx, [mint.number for mint in claimed], delay_ms=delay_ms)

    async def _note(self, claimed: Sequence[Mint], verdicts: Sequence[Verdict]) -> None:
        """Store the adapter's answers; what it did not answer for is due again when its claim runs out."""
        accepted = [verdict.number for verdict in verdicts if verdict.result is SubmitResult.ACCEPTED]
        refused = {verdict.number: _reason(verdict) for verdict in verdicts if verdict.number not in set(accepted)}
        conflicts = {verdict.number for verdict in verdicts if verdict.result is SubmitResult.CONFLICT}
        async with self._database.transaction() as tx:
            if accepted:
                await mints.accept(tx, accepted)
            if conflicts:
                await halt(tx, [_conflict(mint) for mint in claimed if mint.number in conflicts])
            if refused:
                now = self._clock.now()
                await append(tx, SCHEMA, [outcome_event(mint, time=now) for mint in await mints.stick(tx, refused)])
        _count(
            accepted=len(accepted),
            invalid=len(refused) - len(conflicts),
            conflict=len(conflicts),
            unanswered=len(claimed) - len(verdicts),
        )


async def _heard(session: Session, *, within_s: float) -> None:
    """Return when a transaction that made something due has committed, or when the time is over."""
    async for _ in session.notifies(timeout=within_s, stop_after=1):
        pass


def _reason(verdict: Verdict) -> str:
    """Return why the adapter refused a mint."""
    return NUMBER_USED_OTHERWISE if verdict.result is SubmitResult.CONFLICT else verdict.reason or NO_REASON


def _conflict(mint: Mint) -> Halt:
    """Return the halt for a number that the adapter knows otherwise."""
    detail = f"the adapter knows this number otherwise; requested is {mint.amount} to {address_text(mint.recipient)}"
    return Halt(kind=HaltKind.ADAPTER_CONFLICT, number=mint.number, cashback_id=mint.cashback_id, detail=detail)


def _count(**results: int) -> None:
    """Count the mints by the adapter's answer, and log them in one line."""
    for result, amount in results.items():
        metrics.submissions.labels(result).inc(amount)
    log.info("mints.submitted", **{result: amount for result, amount in results.items() if amount})
