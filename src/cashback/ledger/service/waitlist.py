"""Deciding waitlisted cashbacks a second time, campaign by campaign, first come first.

    a campaign's budget suffices for somebody ──┐
    it ended, was closed, or its programme ended ┼──▶ decided as if it came anew ──▶ granted, in review, or declined
    somebody has waited for 30 days ─────────────┘
    all of the purchase was returned ───────────────▶ declined, and nothing is decided

Facts and programme are those of the first decision, the past of the user among them; counters, budgets and rates are
those of now. What is over, or was waited for too long, pays nothing more: the second decision is made without it. What
was returned meanwhile is taken off after the grant, as for a refund that came before its purchase.

One worker at a time has a campaign's line. Each batch is one transaction: cashbacks, merchants' counters, accounts.

One cashback that cannot be decided again, whatever the reason, stops nobody else's: its batch is halved down to it, and
it is named in the log and left out for a while. Of many at once the fault is another one, and the worker stops.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec
from prometheus_client import Counter

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.telemetry import logger
from cashback.ledger.model import (
    Accrual,
    BooksMoved,
    Claim,
    RefundPolicy,
    Returned,
    Reversal,
    Reversed,
    Reversible,
    State,
)
from cashback.ledger.model.decisions import Reason
from cashback.ledger.model.engine import Judgement
from cashback.ledger.model.life import Wanted
from cashback.ledger.model.waitlist import Line, Waiting
from cashback.ledger.rules import decode_returned
from cashback.ledger.rules.engine import judgement_of
from cashback.ledger.rules.waitlist import AVAILABLE, entry_of, is_all_returned, waited, without
from cashback.ledger.service.accruals import ACTOR, accrual_of, announce, postings_of
from cashback.ledger.service.deciding import Again, Decided, decide_claims
from cashback.ledger.service.left_out import LeftOut
from cashback.ledger.service.posting import post_held
from cashback.ledger.service.published import PublishedRulesets
from cashback.ledger.service.reversals import Returnable, take_back
from cashback.ledger.store import terms
from cashback.ledger.store import waitlist as store

REFUNDED: Final = "refunded"
DECIDED: Final = Counter("cashback_ledger_waitlist_left_total", "Cashbacks that left the waitlist.", ["to"])
SKIPPED: Final = Counter(
    "cashback_ledger_waitlist_skipped_total", "Waitlisted cashbacks that could not be decided again."
)


log = logger(__name__)


class WaitlistPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often it is looked, how many lines a round and cashbacks a transaction serve, how long a failed one waits."""

    look_every_s: float = 1.0
    lines_max: int = 100
    batch_max: int = 500
    skip_for: timedelta = timedelta(minutes=10)


class _Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback in line as it is decided again: its first decision, and what was returned of its purchase."""

    waiting: Waiting
    first: Judgement
    returned: Returned

    @property
    def claim(self) -> Claim:
        """Return the claim of its purchase, with the facts that the first decision saw."""
        return Claim(
            purchase_id=self.waiting.purchase_id,
            user_id=self.waiting.user_id,
            facts=self.first.facts,
            traceparent=self.waiting.traceparent,
        )

    @property
    def wants_of(self) -> frozenset[str]:
        """Return the campaigns that its first decision would have been paid by."""
        return frozenset(each.campaign for each in self.first.left.campaigns)


class Waitlist:
    """Serves the lines of all campaigns, round after round; any number may run at the same time."""

    def __init__(self, database: Database, *, clock: Clock, policy: WaitlistPolicy | None = None) -> None:
        """Serve nobody yet."""
        self._database = database
        self._clock = clock
        self._policy = policy or WaitlistPolicy()
        self._left_out = LeftOut(clock, lasts=self._policy.skip_for)
        self._rulesets = PublishedRulesets()
        self._after = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Look every `look_every_s` until `stop` is set, and at once again while batches are full or lines are left.

        Raises:
            Broken: one of our invariants does not hold, and for more cashbacks than can be left out.
        """
        while not stop.is_set():
            is_full = False
            try:
                lines = await self.round()
                is_full = bool(self._after) or any(line.left == self._policy.batch_max for line in lines)
            except Unavailable as error:
                log.warning("waitlist.postponed", code=error.code, detail=error.detail)
            if not is_full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._policy.look_every_s)

    async def round(self) -> list[Line]:
        """Serve at most one batch of each of the next lines in which somebody can be served; return what came of it.

        Each round goes on behind the last line of the one before, until there is none: a line that is tried in vain
        comes again once all others have had their turn, however many there are.

        Raises:
            Unavailable: the database failed; what the round had done so far stays.
            Exception: what one cashback failed with, and too many others are left out already.
        """
        async with self._database.transaction() as tx:
            lines = await store.lines_due(tx, now=self._clock.now(), after=self._after, limit=self._policy.lines_max)
        self._after = lines[-1][0] if len(lines) == self._policy.lines_max else ""
        return [await self._serve(campaign_id, programme_id) for campaign_id, programme_id in lines]

    async def _serve(self, campaign_id: str, programme_id: str) -> Line:
        """Serve one batch of a line; whoever fails alone is left out for a while.

        Raises:
            Unavailable: the database failed.
            Exception: what one cashback failed with, and too many others are left out already.
        """

        async def batch(wanted: Wanted, ids: list[str]) -> Line | None:
            return await self._batch(campaign_id, programme_id, wanted, ids)

        def skipped(cashback_id: str, error: Exception) -> None:
            SKIPPED.inc()
            log.error("waitlist.skipped", cashback=cashback_id, exc_info=error)

        served = await self._left_out.apart(batch, limit=self._policy.batch_max, skipped=skipped)
        return Line(taken=sum(line.taken for line in served), left=sum(line.left for line in served))

    async def _batch(self, campaign_id: str, programme_id: str, wanted: Wanted, ids: list[str]) -> Line | None:
        """Serve one batch in a transaction of its own, noting in `ids` whom; None while another worker has the line."""
        now = wanted.now
        async with self._database.transaction() as tx:
            if not await store.lock_line(tx, campaign_id):
                return None
            found = await store.take(tx, campaign_id, wanted)
            ids += [each.cashback_id for each in found]
            taken = [_looked(each) for each in found]
            returned = [each for each in taken if is_all_returned(each.first.facts, each.returned)]
            due = [each for each in taken if each not in returned and each.waiting.is_due]
            await _decline(tx, returned, now)
            if waits := [each.waiting.cashback_id for each in taken if each not in returned and each not in due]:
                await store.seen(tx, waits)
            accruals = await _decide(tx, due, programme_id, self._rulesets, now=now) if due else []
        for state in [State.DECLINED] * len(returned) + [accrual.state for accrual in accruals]:
            DECIDED.labels(state.value).inc()
        if left := len(returned) + len(accruals):
            log.info("waitlist.served", campaign_id=campaign_id, cashbacks=left)
        return Line(taken=len(taken), left=left)


def _looked(waiting: Waiting) -> _Looked:
    """Return a cashback in line with its documents read."""
    first = judgement_of(waiting.document)
    lines = max(1, len(first.facts.lines))
    return _Looked(waiting=waiting, first=first, returned=decode_returned(waiting.returned, lines=lines))


async def _decline(tx: Tx, returned: Sequence[_Looked], now: datetime) -> None:
    """End the waiting of those whose purchases were returned.

    Raises:
        BooksMoved: one of them moved under its lock.
    """
    ids = [each.waiting.cashback_id for each in returned]
    if ids and await store.decline(tx, ids, actor=ACTOR, cause=REFUNDED, at=now) != len(ids):
        raise BooksMoved("a waitlisted cashback moved under its lock")


async def _decide(
    tx: Tx, due: Sequence[_Looked], programme_id: str, rulesets: PublishedRulesets, *, now: datetime
) -> list[Accrual]:
    """Decide locked cashbacks again and return what those came to that wait no more.

    Raises:
        BooksMoved: one of them moved under its lock.
    """
    campaigns = (await terms.campaigns(tx, [programme_id]))[programme_id]
    dropped = [without(campaigns, now=now, is_aged=each.waiting.is_aged) for each in due]
    ends = [waited(gone & each.wants_of, is_aged=each.waiting.is_aged) for each, gone in zip(due, dropped, strict=True)]
    again = Again(
        programme_id=programme_id,
        without={each.waiting.purchase_id: gone for each, gone in zip(due, dropped, strict=True)},
        waited={each.waiting.purchase_id: end for each, end in zip(due, ends, strict=True) if end is not None},
    )
    gives_back = any(each.waiting.returned is not None for each in due)
    claims = [each.claim for each in due]
    decided = await decide_claims(tx, claims, rulesets, now=now, again=again, gives_back=gives_back)
    pairs = list(zip(due, _accruals(due, decided, now), ends, strict=True))
    if keep := [each for _, each, _ in pairs if each.state is State.WAITLISTED]:
        await store.keep(tx, [entry_of(each.cashback_id, each.judgement, now) for each in keep])
    # Paused between our two looks: left alone, as everything of a paused programme.
    done = [
        pair
        for pair in pairs
        if pair[1].state is not State.WAITLISTED and pair[1].reason is not Reason.PROGRAMME_PAUSED
    ]
    if not done:
        return []
    accruals = [accrual for _, accrual, _ in done]
    causes = [AVAILABLE if end is None else end.value for _, _, end in done]
    if await store.decide(tx, accruals, causes, actor=ACTOR, at=now) != len(accruals):
        raise BooksMoved("a waitlisted cashback moved under its lock")
    await post_held(tx, decided.held, postings_of(accruals, decided.held), at=now)
    changes = await _return(tx, [(looked, accrual) for looked, accrual, _ in done], programme_id, now)
    returned = {purchase: each for each in changes if (purchase := each.cashback.purchase_id) is not None}
    await announce(tx, accruals, returned=returned, changes=changes, now=now)
    return accruals


async def _return(
    tx: Tx, granted: Sequence[tuple[_Looked, Accrual]], programme_id: str, now: datetime
) -> list[Reversed]:
    """Take off each grant what was returned of its purchase while it waited."""
    some = [(looked, accrual) for looked, accrual in granted if looked.waiting.returned is not None and accrual.amount]
    locked = {
        looked.waiting.purchase_id: Returnable(_reversible(looked.waiting, accrual, programme_id))
        for looked, accrual in some
    }
    reversals = [Reversal(purchase_id=looked.waiting.purchase_id, returned=looked.returned) for looked, _ in some]
    return await take_back(tx, reversals, locked=locked, now=now)


def _accruals(due: Sequence[_Looked], decided: Decided, now: datetime) -> list[Accrual]:
    """Return what the second decisions come to, each under the id of its cashback."""
    return [
        accrual_of(each.claim, judgement, of, now, cashback_id=each.waiting.cashback_id)
        for each, judgement, of in zip(due, decided.judgements, decided.terms, strict=True)
    ]


def _reversible(waiting: Waiting, accrual: Accrual, programme_id: str) -> Reversible:
    """Return a cashback as its second decision has left it, of whose purchase nothing was returned so far."""
    return Reversible(
        id=accrual.cashback_id,
        purchase_id=waiting.purchase_id,
        user_id=waiting.user_id,
        programme_id=programme_id,
        currency=accrual.currency,
        net=accrual.amount,
        payable=accrual.amount,
        payable_units=accrual.token_units,
        state=accrual.state,
        grants=accrual.grants,
        returned=None,
        was_requested=False,
        # Before the request nothing is owed.
        policy=RefundPolicy.NET_FUTURE,
        traceparent=waiting.traceparent,
    )
