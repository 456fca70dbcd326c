"""Decisions over a batch: which counters each needs, and each seeing what those before it left."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model.codes import Exhaustion, Limit
from cashback.ledger.model.decisions import Conversion
from cashback.ledger.model.engine import (
    CampaignLeft,
    CounterKey,
    Earned,
    Exchange,
    Judgement,
    Left,
    ProgrammeFacts,
    Published,
    PurchaseFacts,
    Running,
)
from cashback.ledger.rules.engine.compile import ready
from cashback.ledger.rules.engine.earn import earn
from cashback.ledger.rules.engine.settle import judge


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase earned, and whose it is: counters need to know, what is stored must not."""

    user_id: str
    earned: Earned


def decide_in_full(
    facts: PurchaseFacts,
    programme: ProgrammeFacts | None,
    ruleset: Published | None,
    left: Left,
    exchange: Exchange | None = None,
    conversion: Conversion | None = None,
) -> Judgement:
    """Return the whole decision of one purchase, by engine 2."""
    return judge(earn(facts, programme, ruleset, exchange), left, conversion)


def keys_of(claimed: Claimed) -> list[CounterKey]:
    """Return the counters that may bound a claim, in the order of the limits: what to lock, sorted, before `fold`.

    Users' and merchants' counters are those that the ruleset limits; campaigns' may turn out to have no limit by the
    day. Days and months are those of `occurred_at`, so that it does not matter when a purchase is received.
    """
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
    many: Iterable[Claimed], running: Running, exhaustion: Mapping[str, Exhaustion], conversion: Conversion | None
) -> list[Judgement]:
    """Return a judgement for each of `many` in order; `running` goes down by what each is granted.

    What is in review is reserved as well. `exhaustion` is what each campaign does when its budget ends.
    """
    judged = []
    for claimed in many:
        keys = keys_of(claimed)
        judgement = judge(claimed.earned, _left(keys, running, exhaustion), conversion)
        _take(running, keys, judgement)
        judged.append(judgement)
    return judged


def _left(keys: Sequence[CounterKey], running: Running, exhaustion: Mapping[str, Exhaustion]) -> Left:
    """Return what the counters of one claim have left."""
    by_limit = {key.limit: running.get(key) for key in keys}
    days = {key.owner: running.get(key) for key in keys if key.limit is Limit.CAMPAIGN_DAY}
    totals = [key for key in keys if key.limit is Limit.CAMPAIGN_TOTAL]
    return Left(
        user_day=by_limit.get(Limit.USER_DAY),
        user_month=by_limit.get(Limit.USER_MONTH),
        user_lifetime=by_limit.get(Limit.USER_LIFETIME),
        merchant_day=by_limit.get(Limit.MERCHANT_DAY),
        campaigns=tuple(
            CampaignLeft(
                key.owner,
                running.get(key, Minor(0)),
                exhaustion.get(key.owner, Exhaustion.PARTIAL_FILL),
                days[key.owner],
            )
            for key in totals
        ),
    )


def _take(running: Running, keys: Sequence[CounterKey], judgement: Judgement) -> None:
    """Have the counters of one claim go down by what it was granted; those without a limit stay away."""
    if not judgement.verdict.lines:
        return
    paid = judgement.verdict.paid_by()
    for key in keys:
        if key in running:
            is_campaigns = key.limit in {Limit.CAMPAIGN_DAY, Limit.CAMPAIGN_TOTAL}
            taken = paid.get(key.owner, 0) if is_campaigns else judgement.verdict.amount
            running[key] = Minor(running[key] - taken)
