"""A draft of 20 rules, in three groups, with every limit set: what benchmarks decide by."""

from collections.abc import Sequence
from typing import Final

from cashback.ledger.model.rulesets import (
    AmountIs,
    CurrencyIs,
    Group,
    Limits,
    MccIs,
    Mode,
    Percent,
    Rule,
    Rules,
    Tier,
    Weekday,
    WeekdayIs,
)

RULES: Final = 20
MATCHING: Final = 6
"""How many of them match every purchase of at least one unit of money; the others ask for categories too."""

PLENTY: Final = str(10**13)


def twenty_rules(
    campaigns: Sequence[str],
    categories: Sequence[tuple[str, ...]],
    *,
    rate_bps: int,
    per_day: str = PLENTY,
    review_above: str | None = None,
    time_zone: str = "UTC",
) -> Rules:
    """Return rules that take campaigns and categories in turn; a purchase, and a user's day, earn at most `per_day`."""
    week = WeekdayIs(any_of=tuple(Weekday), time_zone=time_zone)
    return Rules(
        rules=tuple(
            _rule(
                number,
                campaigns[number % len(campaigns)],
                rate_bps=rate_bps + number,
                asks=week if number < MATCHING else MccIs(any_of=categories[number % len(categories)]),
            )
            for number in range(RULES)
        ),
        groups=(Group(id="best", mode=Mode.BEST_OF), Group(id="all", mode=Mode.ADDITIVE)),
        tiers=(Tier(id="gold", multiplier_bps=15_000),),
        limits=Limits(purchase=per_day, user_day=per_day, user_month=PLENTY, user_lifetime=PLENTY, merchant_day=PLENTY),
        review_above=review_above,
    )


def _rule(number: int, campaign: str, *, rate_bps: int, asks: WeekdayIs | MccIs) -> Rule:
    """Return one rule; the weekday is asked last, a category first."""
    fits = (CurrencyIs(any_of=("USD",)), AmountIs(at_least="100"))
    return Rule(
        id=f"rule-{number:02}",
        campaign=campaign,
        earns=Percent(rate_bps=rate_bps),
        when=(*fits, asks) if isinstance(asks, WeekdayIs) else (asks, *fits),
        group=("best", "all", None)[number % 3],
    )
