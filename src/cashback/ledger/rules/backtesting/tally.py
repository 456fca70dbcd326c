"""The second step of a backtest: limits and budgets in order, and the sums of what comes out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from heapq import heappush, heappushpop
from typing import TypeAlias

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model.backtests import (
    CampaignCost,
    LimitCount,
    Prospect,
    PurchaseChange,
    ReasonCount,
    Sides,
    Start,
    UserChange,
)
from cashback.ledger.model.codes import Limit
from cashback.ledger.model.engine import CounterKey, Judgement, Published, Running
from cashback.ledger.rules.engine import Claimed, fold

_Heap: TypeAlias = list[tuple[int, int, PurchaseChange]]


class Tally:
    """What purchases were granted and would have been, taken one by one in the order of recording.

    It grows with users, merchants and the counters of the limits that are set, never with purchases as such; of the
    purchases themselves only the largest changes are held.
    """

    def __init__(self, ruleset: Published, start: Start, *, largest: int) -> None:
        """Begin with nothing granted and the budgets of `start`; hold so many of the largest changes."""
        self._ruleset, self._paying, self._largest = ruleset, start.paying, largest
        self._given_back = start.given_back
        self._running: Running = {}
        self._was: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._users: dict[str, tuple[int, int]] = {}
        self._merchants: dict[str, tuple[int, int]] = {}
        self._reasons_was: Counter[str] = Counter()
        self._reasons_now: Counter[str] = Counter()
        self._limits: Counter[Limit] = Counter()
        self._short: dict[str, datetime] = {}
        self._rises: _Heap = []
        self._falls: _Heap = []
        self._sides: Counter[int] = Counter()
        self.recorded = self.draft = self.purchases = 0
        self.by_ruleset: Counter[str] = Counter()

    def take(self, found: Prospect) -> Judgement:
        """Return the decision of the next purchase by the rules tried; counters and sums go up by it."""
        earned = msgspec.structs.replace(found.earned, ruleset=self._ruleset)
        claimed = Claimed(user_id=found.user_id, earned=earned)
        [judgement] = fold([claimed], self._running, self._paying, found.conversion)
        self._count(found, judgement)
        return judgement

    @property
    def by_purchase(self) -> Sides:
        """Return how many purchases gain, lose and stay."""
        return Sides(gain=self._sides[1], lose=self._sides[-1], stay=self._sides[0])

    @property
    def given_back(self) -> Minor:
        """Return what came back to all budgets within the window, and is not paid out again."""
        return Minor(sum(self._given_back.values()))

    @property
    def by_user(self) -> Sides:
        """Return how many users gain, lose and stay."""
        return _sides(self._users.values())

    @property
    def by_merchant(self) -> Sides:
        """Return at how many merchants buyers gain, lose and stay."""
        return _sides(self._merchants.values())

    def campaigns(self) -> list[CampaignCost]:
        """Return what each campaign paid and would have paid, by id; those that nothing left or reached not."""
        return [self._campaign(name) for name in sorted(self._was.keys() | self._now.keys() | self._given_back.keys())]

    def reasons(self) -> list[ReasonCount]:
        """Return how often each reason was given and would have been, by name."""
        names = sorted(self._reasons_was.keys() | self._reasons_now.keys())
        return [
            ReasonCount(reason=name, recorded=self._reasons_was[name], draft=self._reasons_now[name]) for name in names
        ]

    def limits(self) -> list[LimitCount]:
        """Return how many purchases each limit would have cut, in the order of the limits; those that cut none not."""
        return [LimitCount(limit=limit.value, purchases=self._limits[limit]) for limit in Limit if self._limits[limit]]

    def rises(self) -> list[PurchaseChange]:
        """Return the purchases that gain most; of equal ones the first."""
        return _of(self._rises)

    def falls(self) -> list[PurchaseChange]:
        """Return the purchases that lose most; of equal ones the first."""
        return _of(self._falls)

    def user_rises(self) -> list[UserChange]:
        """Return the users who gain most; of equal ones those with the lowest ids."""
        return _largest(self._users, 1, self._largest)

    def user_falls(self) -> list[UserChange]:
        """Return the users who lose most; of equal ones those with the lowest ids."""
        return _largest(self._users, -1, self._largest)

    def _count(self, found: Prospect, judgement: Judgement) -> None:
        """Add one purchase to the sums."""
        was, now = found.was.amount, judgement.verdict.amount
        self.purchases += 1
        self.recorded += was
        self.draft += now
        self.by_ruleset[found.was.ruleset or ""] += 1
        self._reasons_was[found.was.reason] += 1
        self._reasons_now[judgement.verdict.reason.value] += 1
        for campaign, paid in found.was.paid_by.items():
            self._was[campaign] += paid
        for campaign, paid in judgement.verdict.paid_by().items():
            self._now[campaign] += paid
        _add(self._users, found.user_id, was, now)
        _add(self._merchants, judgement.facts.merchant_id, was, now)
        self._note_limits(found, judgement)
        self._sides[(now > was) - (now < was)] += 1
        if now != was:
            self._keep(found, judgement)

    def _note_limits(self, found: Prospect, judgement: Judgement) -> None:
        """Note which limits have cut a purchase, each once, and the first time that a budget ran short."""
        cut = [clamp for clamp in judgement.verdict.trace.clamps if clamp.granted < clamp.desired]
        for limit in {clamp.limit for clamp in cut}:
            self._limits[limit] += 1
        for clamp in cut:
            if clamp.limit is Limit.CAMPAIGN_TOTAL and clamp.campaign is not None:
                self._short.setdefault(clamp.campaign, found.at)

    def _keep(self, found: Prospect, judgement: Judgement) -> None:
        """Keep a change while it is among the largest of its direction."""
        was, now = found.was.amount, judgement.verdict.amount
        heap, size = (self._rises if now > was else self._falls), abs(now - was)
        if len(heap) == self._largest and (size, -found.position) < heap[0][:2]:
            return
        change = PurchaseChange(
            purchase_id=found.purchase_id,
            user_id=found.user_id,
            recorded_minor=str(was),
            draft_minor=str(now),
            difference_minor=str(now - was),
            reason=judgement.verdict.reason.value,
        )
        entry = (size, -found.position, change)
        if len(heap) < self._largest:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)

    def _campaign(self, name: str) -> CampaignCost:
        """Return the costs of one campaign."""
        budget = self._paying[name].budget if name in self._paying else Minor(0)
        used = self._running.get(CounterKey(Limit.CAMPAIGN_TOTAL, name, "", ""), 0)
        return CampaignCost(
            campaign_id=name,
            recorded_minor=str(self._was[name]),
            draft_minor=str(self._now[name]),
            difference_minor=str(self._now[name] - self._was[name]),
            budget_minor=str(budget),
            left_minor=str(budget - used),
            given_back_minor=str(self._given_back.get(name, 0)),
            short_at=self._short.get(name),
        )


def _add(sums: dict[str, tuple[int, int]], name: str, was: int, now: int) -> None:
    """Add what was and would have been granted to somebody's sums."""
    before = sums.get(name, (0, 0))
    sums[name] = (before[0] + was, before[1] + now)


def _sides(sums: Iterable[tuple[int, int]]) -> Sides:
    """Return how many of some sums rise, fall and stay."""
    signs = Counter((now > was) - (now < was) for was, now in sums)
    return Sides(gain=signs[1], lose=signs[-1], stay=signs[0])


def _of(heap: _Heap) -> list[PurchaseChange]:
    """Return the changes of a heap, the largest first."""
    return [change for _, _, change in sorted(heap, key=lambda entry: entry[:2], reverse=True)]


def _largest(sums: Mapping[str, tuple[int, int]], sign: int, count: int) -> list[UserChange]:
    """Return the users whose sums change most in one direction."""
    sizes = ((sign * (now - was), name) for name, (was, now) in sums.items() if sign * (now - was) > 0)
    chosen = sorted(sizes, key=lambda each: (-each[0], each[1]))[:count]
    return [
        UserChange(
            user_id=name,
            recorded_minor=str(sums[name][0]),
            draft_minor=str(sums[name][1]),
            difference_minor=str(sums[name][1] - sums[name][0]),
        )
        for _, name in chosen
    ]
