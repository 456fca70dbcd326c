"""A decision's words: what goes in, what comes out, and why."""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec

from cashback.kernel.money import Bps, Currency, Minor, TokenRate, TokenUnits


class Reason(StrEnum):
    """Why a decision fell as it did; the codes are stable, their sentences are those of `rules.explain`."""

    GRANTED = "granted"
    GRANTED_PARTLY = "granted_partly"
    NO_PROGRAMME = "no_programme"
    USER_BLOCKED = "user_blocked"
    MERCHANT_INACTIVE = "merchant_inactive"
    CURRENCY_UNSUPPORTED = "currency_unsupported"
    BELOW_MINOR_UNIT = "below_minor_unit"
    BUDGET_EXHAUSTED = "budget_exhausted"
    BELOW_TOKEN_UNIT = "below_token_unit"  # noqa: S105  # a code, no password
    ABOVE_TOKEN_RANGE = "above_token_range"  # noqa: S105  # a code, no password
    # From here on, those that engine 2 has beside them.
    NO_RULESET = "no_ruleset"
    PROGRAMME_PAUSED = "programme_paused"
    MERCHANT_EXCLUDED = "merchant_excluded"
    MCC_EXCLUDED = "mcc_excluded"
    NO_EXCHANGE_RATE = "no_exchange_rate"
    NOTHING_PAID = "nothing_paid"
    BELOW_MINIMUM = "below_minimum"
    TOO_OLD = "too_old"
    NO_RULE_MATCHED = "no_rule_matched"
    TIER_EARNS_NOTHING = "tier_earns_nothing"
    TOO_MANY_PURCHASES = "too_many_purchases"
    WALLET_SHARED = "wallet_shared"
    REFUND_RATIO_HIGH = "refund_ratio_high"
    SELF_DEALING = "self_dealing"
    PURCHASE_LIMIT = "purchase_limit"
    USER_DAY_LIMIT = "user_day_limit"
    USER_MONTH_LIMIT = "user_month_limit"
    USER_LIFETIME_LIMIT = "user_lifetime_limit"
    MERCHANT_DAY_LIMIT = "merchant_day_limit"
    CAMPAIGN_DAY_LIMIT = "campaign_day_limit"
    BUDGET_WAITLISTED = "budget_waitlisted"
    ABOVE_MONEY_RANGE = "above_money_range"
    REVIEW_ABOVE = "review_above"
    # From here on, those that engine 3 has beside them.
    CAMPAIGN_OVER = "campaign_over"
    WAITED_TOO_LONG = "waited_too_long"
    # No engine gives this one: a person did.
    ADJUSTED = "adjusted"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision knows of a purchase: nothing that identifies a person."""

    merchant_id: str
    amount: Minor
    currency: str
    occurred_at: datetime
    is_user_blocked: bool
    is_merchant_active: bool


class Ruleset(msgspec.Struct, frozen=True, kw_only=True):
    """One published version of a programme's rules: for now one percentage in one currency."""

    id: str
    programme_id: str
    version: int
    currency: Currency
    rate: Bps


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """The rate from money to tokens, where it came from and of when it is."""

    rate: TokenRate
    source: str
    as_of: datetime


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What was left before a decision: the running state of a fold over purchases."""

    budget_left: Minor


class Clamp(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that a grant ran into: what was desired, and what the limit left of it."""

    name: str
    desired: Minor
    granted: Minor


class Granted(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome", tag="granted"):
    """Cashback was earned: `amount` of the `desired` money, which is `token_units`."""

    reason: Reason
    desired: Minor
    amount: Minor
    token_units: TokenUnits
    clamps: tuple[Clamp, ...] = ()


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome", tag="declined"):
    """Nothing was earned; `desired` is what the percentage alone would have given."""

    reason: Reason
    desired: Minor = Minor(0)


Decision: TypeAlias = Granted | Declined


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with everything that it saw, which is what is stored and replayed."""

    engine: int
    facts: Facts
    ruleset: Ruleset | None
    counters: Counters
    conversion: Conversion | None
    decision: Decision
