"""`decide`: what one decision takes by decision engine 2, with a ruleset of 100 rules, on one core.

Method. Processor time of this process, which does nothing else, for rounds of 500 decisions in turn; the median of nine
rounds after one that does not count. Every decision has all limits set, and asks for what its campaigns have left.

`few`: 5 of 100 rules match, at merchants that are met again and again. `many`: 34 match. `strangers`: each purchase is
at another merchant, so that nothing of an earlier one helps. Beside them the same decisions with the ruleset made ready
anew for each, as one does who interprets the document, and what making and storing the document takes.

Over REST: a real API process on a PostgreSQL of its own simulates purchases on a draft of the ruleset in which 34
match, for one client at 25 requests a second, far from saturation; latency counts from when each request was due.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model.engine import CampaignLeft, Judgement, Left, Published, PurchaseFacts
from cashback.ledger.model.rulesets import (
    AmountIs,
    Condition,
    Group,
    Limits,
    MccIs,
    MerchantIs,
    Mode,
    Percent,
    Rule,
    Rules,
    Weekday,
    WeekdayIs,
)
from cashback.ledger.rules.engine import decide_in_full, document_in_full, published
from cashback.ledger.rules.engine.compile import ready
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.simulate import simulated
from tests.support.engine import CONVERSION, FACTS, PROGRAMME

RULES: Final = 100
ROUND: Final = 500
ROUNDS: Final = 9
PROMISED_US: Final = 100
PROMISED_MS: Final = 20
CAMPAIGNS: Final = tuple(f"cmp_{number}" for number in range(4))
LEFT: Final = Left(
    user_day=Minor(10**6),
    user_month=Minor(10**7),
    user_lifetime=Minor(10**8),
    merchant_day=Minor(10**9),
    campaigns=tuple(CampaignLeft(name, Minor(10**12), day=Minor(10**10)) for name in CAMPAIGNS),
)


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    few, many = _ruleset(matching=5), _ruleset(matching=34)
    usual, strangers = [FACTS] * ROUND, [_stranger(number) for number in range(ROUND)]
    judged = [_decide(FACTS, ruleset) for ruleset in (few, many)]
    told = await simulated(folder, many.rules)
    return [
        at_most("few of 100 rules match", _us(usual, lambda facts: _decide(facts, few)), "us", bound=PROMISED_US),
        at_most("many of 100 rules match", _us(usual, lambda facts: _decide(facts, many)), "us", bound=PROMISED_US),
        at_most("strangers, few match", _us(strangers, lambda facts: _anew(facts, few)), "us", bound=PROMISED_US),
        reported("few match, made ready each time", _us(usual[:50], lambda facts: _interpreted(facts, few)), "us"),
        reported("the document of few", _us(usual, lambda _: document_in_full(judged[0])), "us"),
        reported("its size", len(document_in_full(judged[0])), "bytes"),
        at_most("simulation over REST, p99", told.p99_ms, "ms", bound=PROMISED_MS),
        reported("simulation over REST, p50", told.p50_ms, "ms"),
        exactly("simulations not granted", told.refused, "requests", expected=0),
        exactly("rules counted, few", len(judged[0].verdict.trace.counted), "rules", expected=5),
        exactly("rules counted, many", len(judged[1].verdict.trace.counted), "rules", expected=34),
    ]


def _us(purchases: list[PurchaseFacts], one: Callable[[PurchaseFacts], object]) -> float:
    """Return the microseconds of processor time that one of these takes: the median over the rounds."""
    rounds = []
    for _ in range(ROUNDS + 1):
        began_s = time.process_time()
        for facts in purchases:
            one(facts)
        rounds.append((time.process_time() - began_s) / len(purchases) * 1_000_000)
    return median(rounds[1:])


def _decide(facts: PurchaseFacts, ruleset: Published) -> Judgement:
    """Return one decision."""
    return decide_in_full(facts, PROGRAMME, ruleset, LEFT, None, CONVERSION)


def _anew(facts: PurchaseFacts, ruleset: Published) -> Judgement:
    """Return one decision on a purchase of a party that was never met; the rounds before are forgotten."""
    ready(ruleset).candidates.forget()
    return _decide(facts, ruleset)


def _interpreted(facts: PurchaseFacts, ruleset: Published) -> Judgement:
    """Return one decision of a ruleset that was not made ready before."""
    ready.cache_clear()
    return _decide(facts, ruleset)


def _stranger(number: int) -> PurchaseFacts:
    """Return a purchase at a merchant of its own."""
    return msgspec.structs.replace(FACTS, merchant_id=f"mer_{number + 1_000}")


def _ruleset(*, matching: int) -> Published:
    """Return 100 rules of which so many match; each asks for category or merchant, every second for the weekday too."""
    return published(
        Rules(
            rules=tuple(_rule(number, is_matching=number < matching) for number in range(RULES)),
            groups=(Group(id="g", mode=Mode.ADDITIVE),),
            limits=Limits(
                purchase="1000000", user_day="1000000", user_month="9000000", user_lifetime="9999999", merchant_day="1"
            ),
        ),
        id="rul_1",
        version=matching,
    )


def _rule(number: int, *, is_matching: bool) -> Rule:
    """Return one rule."""
    codes = tuple(f"{1_000 + number * 20 + place:04}" for place in range(20))
    party = MccIs(any_of=(*codes, "5411") if is_matching else codes)
    elsewhere = MerchantIs(any_of=tuple(f"mer_x{place}" for place in range(20)))
    when: list[Condition] = [elsewhere if number % 4 == 3 and not is_matching else party, AmountIs(at_least="100")]
    if number % 2:
        when.append(WeekdayIs(any_of=(Weekday.THU, Weekday.FRI), time_zone="Europe/Berlin"))
    return Rule(
        id=f"rule-{number}",
        campaign=CAMPAIGNS[number % len(CAMPAIGNS)],
        earns=Percent(rate_bps=100 + number),
        when=tuple(when),
        group="g" if number % 5 == 0 else None,
    )
