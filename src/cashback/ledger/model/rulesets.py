"""A ruleset's words: the document that people draft, lint, compare and publish, and that decisions are made by.

Ruleset ── gates      who earns nothing, whatever the rules say
        ├─ rules      what is earned, by what, under which conditions, out of which campaign's budget
        ├─ groups     which of the matched rules count together
        ├─ tiers      by what a user's tier multiplies it
        ├─ limits     what one purchase, user or merchant can earn at most
        └─ checks     what looks like abuse, and what then happens

Amounts are in minor units of the programme's funding currency. A published document never changes.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from cashback.kernel.money import AMOUNT_PATTERN, CURRENCY_PATTERN
from cashback.kernel.patterns import HOUR_PATTERN, MCC_PATTERN, SLUG_PATTERN

RULES_MAX: Final = 200
CONDITIONS_MAX: Final = 16
GROUPS_MAX: Final = 50
BRACKETS_MAX: Final = 20
CAMPAIGNS_MAX: Final = 50
"""The most campaigns that the rules of one document name: what each pays on each line is stored for ever."""
NAMES_MAX: Final = 1_000
"""The most merchants, SKUs, categories or codes that one condition lists."""
MULTIPLIER_BPS_MAX: Final = 100_000

Slug: TypeAlias = Annotated[str, msgspec.Meta(pattern=SLUG_PATTERN)]
"""A name that people give to a rule, a group or a tier, unique among its kind in one ruleset."""
Code: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
"""A merchant's own word for a thing it sells, or for a kind of things."""
Mcc: TypeAlias = Annotated[str, msgspec.Meta(pattern=MCC_PATTERN)]
"""A merchant category code (ISO 18245)."""
MerchantId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^mer_[0-9a-z]{1,60}$(?!\n)")]
CampaignId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^cmp_[0-9a-z]{1,60}$(?!\n)")]
CurrencyCode: TypeAlias = Annotated[str, msgspec.Meta(pattern=CURRENCY_PATTERN)]
MinorText: TypeAlias = Annotated[str, msgspec.Meta(pattern=AMOUNT_PATTERN)]
"""An amount in minor units, as a decimal string: no JSON reader rounds it."""
RateBps: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Zone: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
"""A name of the IANA time zone database, such as `Europe/Berlin`."""
Hour: TypeAlias = Annotated[str, msgspec.Meta(pattern=HOUR_PATTERN)]

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything in a ruleset: unknown fields are refused, defaults are left out when it is written."""


class MerchantIs(Part, frozen=True, kw_only=True, tag_field="kind", tag="merchant"):
    """The purchase was made at one of these."""

    any_of: Annotated[tuple[MerchantId, ...], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]


class MccIs(Part, frozen=True, kw_only=True, tag_field="kind", tag="mcc"):
    """The merchant is of one of these categories."""

    any_of: Annotated[tuple[Mcc, ...], msgspec.Meta(min_length=1, max_length=NAMES_MAX)]


class CurrencyIs(Part, frozen=True, kw_only=True, tag_field="kind", tag="currency"):
    """The purchase was paid in one of these."""

    any_of: Annotated[tuple[CurrencyCode, ...], msgspec.Meta(min_length=1, max_length=200)]


class AmountIs(Part, frozen=True, kw_only=True, tag_field="kind", tag="amount"):
    """The purchase is worth at least and less than so much: `[at_least, below)`."""

    at_least: MinorText | None = None
    below: MinorText | None = None


class WeekdayIs(Part, frozen=True, kw_only=True, tag_field="kind", tag="weekday"):
    """It happened on one of these days, as the calendar of a zone has it."""

    any_of: Annotated[tuple[Weekday, ...], msgspec.Meta(min_length=1, max_length=7)]
    time_zone: Zone


class HoursAre(Part, frozen=True, kw_only=True, tag_field="kind", tag="hours"):
    """It happened in `[start, end)` by the clocks of a zone; a start after the end goes over midnight."""

    start: Hour
    end: Hour
    time_zone: Zone


class WithinDates(Part, frozen=True, kw_only=True, tag_field="kind", tag="dates"):
    """It happened in `[start, end)`."""

    start: Instant | None = None
    end: Instant | None = None


class TierIs(Part, frozen=True, kw_only=True, tag_field="kind", tag="tier"):
    """The user is of one of these tiers."""

    any_of: Annotated[tuple[Slug, ...], msgspec.Meta(min_length=1, max_length=50)]


class FirstPurchase(Part, frozen=True, kw_only=True, tag_field="kind", tag="first_purchase"):
    """The user has bought nothing before: anywhere, or at this merchant."""

    at: Annotated[str, msgspec.Meta(pattern=r"^(anywhere|merchant)$(?!\n)")] = "anywhere"


Condition: TypeAlias = (
    MerchantIs | MccIs | CurrencyIs | AmountIs | WeekdayIs | HoursAre | WithinDates | TierIs | FirstPurchase
)


class Percent(Part, frozen=True, kw_only=True, tag_field="kind", tag="percent"):
    """So many basis points of what was paid."""

    rate_bps: RateBps


class Fixed(Part, frozen=True, kw_only=True, tag_field="kind", tag="fixed"):
    """The same amount each time: once for a purchase, or once for each line when the rule is per line."""

    amount: MinorText


class Bracket(Part, frozen=True, kw_only=True):
    """From this amount on, this rate; it ends where the next one begins."""

    from_amount: MinorText
    rate_bps: RateBps


class Tiered(Part, frozen=True, kw_only=True, tag_field="kind", tag="tiered"):
    """A rate by the amount: of the whole amount, or of each part the rate of its bracket (`marginal`)."""

    brackets: Annotated[tuple[Bracket, ...], msgspec.Meta(min_length=1, max_length=BRACKETS_MAX)]
    is_marginal: bool = False


Earning: TypeAlias = Percent | Fixed | Tiered


class Lines(Part, frozen=True, kw_only=True):
    """Which lines of a purchase a rule is about: those of one of these SKUs or categories, less the others."""

    skus: Annotated[tuple[Code, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    categories: Annotated[tuple[Code, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    without_skus: Annotated[tuple[Code, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    without_categories: Annotated[tuple[Code, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()


class Per(StrEnum):
    """What a rule is calculated on: each line by itself, or the eligible lines together."""

    LINE = "line"
    PURCHASE = "purchase"


class Rule(Part, frozen=True, kw_only=True):
    """What is earned when all of `when` hold and a line is one of `lines`; `campaign` pays, at most `at_most`."""

    id: Slug
    campaign: CampaignId
    earns: Earning
    per: Per = Per.PURCHASE
    lines: Lines | None = None
    when: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=CONDITIONS_MAX)] = ()
    unless: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=CONDITIONS_MAX)] = ()
    group: Slug | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1_000, le=1_000)] = 0
    at_most: MinorText | None = None
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What customers are told it is for."""


class Mode(StrEnum):
    """Which matched rules of a group count.

    `additive`: all of them. `best_of`: the one that earns most. `exclusive`: that one as well, and nothing outside.
    """

    EXCLUSIVE = "exclusive"
    BEST_OF = "best_of"
    ADDITIVE = "additive"


class Group(Part, frozen=True, kw_only=True):
    """Rules that belong together; a rule without a group counts by itself, beside all others."""

    id: Slug
    mode: Mode


class Tier(Part, frozen=True, kw_only=True):
    """What users of a tier get of each line's grant; 10,000 leaves it as it is."""

    id: Slug
    multiplier_bps: Annotated[int, msgspec.Meta(ge=0, le=MULTIPLIER_BPS_MAX)]


class Gates(Part, frozen=True, kw_only=True):
    """What earns nothing at all: merchants, categories, small or late purchases; `currencies` empty allows all."""

    currencies: Annotated[tuple[CurrencyCode, ...], msgspec.Meta(max_length=200)] = ()
    without_merchants: Annotated[tuple[MerchantId, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    without_mccs: Annotated[tuple[Mcc, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    at_least: MinorText | None = None
    within_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None
    """How old a purchase may be when it is received."""


class Limits(Part, frozen=True, kw_only=True):
    """The most that is granted, in this order; a day and a month are those of the programme's time zone.

    A campaign's limits, by the day and in total, come after these and are the campaign's own.
    """

    purchase: MinorText | None = None
    user_day: MinorText | None = None
    user_month: MinorText | None = None
    user_lifetime: MinorText | None = None
    merchant_day: MinorText | None = None


class Action(StrEnum):
    """What happens to a purchase that looks like abuse."""

    PASS = "pass"  # noqa: S105  # an action, not a password
    REVIEW = "review"
    DECLINE = "decline"


class Check(Part, frozen=True, kw_only=True):
    """Something that looks like abuse above a bound: it is let pass and noted, reviewed, or declined.

    `purchases_per_hour`: of the user, this one included. `users_per_wallet`: who share the user's wallet.
    `refund_ratio_bps`: of what was granted to the user in 90 days, as refunds have left it.
    `self_dealing`: the user owns the merchant, 0 or 1.
    """

    kind: Annotated[
        str, msgspec.Meta(pattern=r"^(purchases_per_hour|users_per_wallet|refund_ratio_bps|self_dealing)$(?!\n)")
    ]
    above: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    action: Action


class Rules(Part, frozen=True, kw_only=True):
    """The whole document of a ruleset; grants larger than `review_above` wait for a person to look at them."""

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1, max_length=RULES_MAX)]
    groups: Annotated[tuple[Group, ...], msgspec.Meta(max_length=GROUPS_MAX)] = ()
    tiers: Annotated[tuple[Tier, ...], msgspec.Meta(max_length=50)] = ()
    gates: Gates = Gates()
    limits: Limits = Limits()
    checks: Annotated[tuple[Check, ...], msgspec.Meta(max_length=20)] = ()
    review_above: MinorText | None = None
