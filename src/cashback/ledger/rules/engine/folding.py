"""Decisions over a batch: which counters each needs, and each seeing what those before it left."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model.codes import Limit
from cashback.ledger.model.decisions import Conversion
from cashback.ledger.model.engine import (
    CampaignLeft,
    CounterKey,
    Earned,
    Exchange,
    Judgement,
    Left,
    Paying,
    ProgrammeFacts,
    Published,
    PurchaseFacts,
    Running,
)
from cashback.ledger.rules.engine.compile import ready
from cashback.ledger.rules.engine.earn import earn
from cashback.ledger.rules.engine.settle import judge

_NOTHING: Final = Paying(budget=Minor(0))
_OF_CAMPAIGNS: Final = frozenset({Limit.CAMPAIGN_DAY, Limit.CAMPAIGN_TOTAL})


class Claimed(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a purchase earned, and whose it is: counters need to know, what is stored must not."""

    user_id: str
    earned: Earned

    @cached_property
    def keys(self) -> Sequence[CounterKey]:
        """Return what `keys_of` says, made once."""
        return _keys(self)


def decide_in_full(
    facts: PurchaseFacts,
    programme: ProgrammeFacts | None,
    ruleset: Published | None,
    left: Left,
    exchange: Exchange | None = None,
    conversion: Conversion | None = None,
) -> Judgement:
    """Return the whole decision of one purchase, by engine 3."""
    return judge(earn(facts, programme, ruleset, exchange), left, conversion)


def keys_of(claimed: Claimed) -> Sequence[CounterKey]:
    """Return the counters that may bound a claim, in the order of the limits: what to lock, sorted, before `fold`.

    Users' and merchants' counters are those that the ruleset limits; campaigns' may turn out to have no limit by the
    day, and their budgets are accounts. Days and months are those of `occurred_at`, so that it does not matter when a
    purchase is received.
    """
    return claimed.keys


def _keys(claimed: Claimed) -> list[CounterKey]:
    """Return the counters that may bound a claim; see `keys_of`."""
    earned = claimed.earned
    if earned.reason is not None or earned.programme is None or earned.ruleset is None:
        return []
    owner, user, merchant = earned.programme.id, claimed.user_id, earned.facts.merchant_id
    possible = (
        CounterKey(Limit.USER_DAY, owner, user, earned.day),
        CounterKey(Limit.USER_MONTH, owner, user, earned.month),
        CounterKey(Limit.USER_LIFETIME, owner, user, ""),
        CounterKey(Limit.MERCHANT_DAY, owner, merchant, earned.day),
    )
    limits = ready(earned.ruleset).limits
    return [
        *(key for key in possible if key.limit in limits),
        *(CounterKey(Limit.CAMPAIGN_DAY, campaign, "", earned.day) for campaign in earned.grants),
        *(CounterKey(Limit.CAMPAIGN_TOTAL, campaign, "", "") for campaign in earned.grants),
    ]


def fold(
    many: Iterable[Claimed], running: Running, paying: Mapping[str, Paying], conversion: Conversion | None
) -> list[Judgement]:
    """Return a judgement for each of `many` in order; `running` goes up by what each is granted, or may be.

    What is in review is reserved as well. A campaign that is not among `paying` pays nothing.
    """
    judged = []
    for claimed in many:
        keys = keys_of(claimed)
        judgement = judge(claimed.earned, _left(claimed.earned, keys, running, paying), conversion)
        _take(running, keys, judgement)
        judged.append(judgement)
    return judged


def _left(earned: Earned, keys: Sequence[CounterKey], running: Running, paying: Mapping[str, Paying]) -> Left:
    """Return what the counters of one claim have left."""
    if not keys or earned.ruleset is None:
        return Left()
    limits, used = ready(earned.ruleset).limits, {(key[0], key[1]): running.get(key, 0) for key in keys}
    left = {limit: Minor(limits[limit] - used[limit, owner]) for limit, owner in used if limit not in _OF_CAMPAIGNS}
    campaigns = []
    for campaign in earned.grants:
        pays = paying.get(campaign, _NOTHING)
        total = Minor(pays.budget - used[Limit.CAMPAIGN_TOTAL, campaign])
        day = Minor(pays.day - used[Limit.CAMPAIGN_DAY, campaign]) if pays.day is not None else None
        campaigns.append(CampaignLeft(campaign, total, pays.exhaustion, day))
    return Left(
        user_day=left.get(Limit.USER_DAY),
        user_month=left.get(Limit.USER_MONTH),
        user_lifetime=left.get(Limit.USER_LIFETIME),
        merchant_day=left.get(Limit.MERCHANT_DAY),
        campaigns=tuple(campaigns),
    )


def _take(running: Running, keys: Sequence[CounterKey], judgement: Judgement) -> None:
    """Have the counters of one claim go up by what it was granted."""
    if not judgement.verdict.amount:
        return
    paid = judgement.verdict.paid_by()
    for key in keys:
        is_campaigns = key.limit in _OF_CAMPAIGNS
        taken = paid[key.owner] if is_campaigns else judgement.verdict.amount
        running[key] = Minor(running.get(key, 0) + taken)
