"""The largest that a purchase and a ruleset can be, for tests of what is stored of them."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import available_timezones

from cashback.kernel.money import INT63_MAX
from cashback.ledger.model.rulesets import (
    CAMPAIGNS_MAX,
    RULES_MAX,
    Action,
    Check,
    Limits,
    Percent,
    Rule,
    Rules,
    Tier,
    Weekday,
    WeekdayIs,
)
from cashback.ledger.rules.zones import is_zone

WIDEST: Final = "\U0001d400" * 64
"""The longest name of a thing that is sold, of the characters that take the most bytes."""
LINES: Final = 100
LINE_MINOR: Final = INT63_MAX // LINES
DOCUMENT_STORED_MAX: Final = 655_360
"""What the schema lets in of a decision's document."""
GRANTS_STORED_MAX: Final = 393_216
"""What it lets in of a cashback's grants."""
DOCUMENT_BYTES_MAX: Final = 225_280
"""What a decision by the largest ruleset that a lint lets through stays below, as docs/concepts/decisions.md says."""
GRANTS_BYTES_MAX: Final = 102_400
"""The same of its grants."""


def campaigns_of(total: int = CAMPAIGNS_MAX) -> tuple[str, ...]:
    """Return the longest ids that campaigns can have."""
    return tuple(f"cmp_{number:060}" for number in range(total))


def largest_rules(campaigns: Sequence[str]) -> Rules:
    """Return a ruleset whose rules all count together, and which asks for every time zone that there is.

    Each rule earns the whole range of money, of which `at_most` leaves as much as all of them can have together.
    """
    zones = [
        WeekdayIs(any_of=tuple(Weekday), time_zone=zone) for zone in sorted(available_timezones()) if is_zone(zone)
    ]
    most = str(INT63_MAX // RULES_MAX)
    return Rules(
        rules=tuple(
            Rule(
                id=f"r{number:039}",
                campaign=campaigns[number % len(campaigns)],
                earns=Percent(rate_bps=10_000 // RULES_MAX),
                when=tuple(zones[number::RULES_MAX]),
                at_most=most,
            )
            for number in range(RULES_MAX)
        ),
        tiers=(Tier(id="g" * 40, multiplier_bps=9_999),),
        limits=Limits(**dict.fromkeys(Limits.__struct_fields__, str(INT63_MAX))),
        checks=tuple(Check(kind="purchases_per_hour", above=above, action=Action.PASS) for above in range(20)),
    )
