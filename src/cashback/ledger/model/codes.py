"""The codes of decision engine 3 beside `Reason`: all of them are stable."""

from enum import StrEnum


class Waited(StrEnum):
    """Why waiting for a campaign's budget has ended without it; the codes are stable."""

    CAMPAIGN_OVER = "campaign_over"
    TOO_LONG = "waited_too_long"


class Skip(StrEnum):
    """Why a rule did not count; the codes are stable."""

    CAMPAIGN_CLOSED = "campaign_closed"
    MERCHANT_NOT_LISTED = "merchant_not_listed"
    MCC_UNKNOWN = "mcc_unknown"
    MCC_NOT_LISTED = "mcc_not_listed"
    CURRENCY_NOT_LISTED = "currency_not_listed"
    AMOUNT_BELOW = "amount_below"
    AMOUNT_NOT_BELOW = "amount_not_below"
    WEEKDAY_NOT_LISTED = "weekday_not_listed"
    OUTSIDE_HOURS = "outside_hours"
    NOT_YET_STARTED = "not_yet_started"
    ALREADY_ENDED = "already_ended"
    TIER_UNKNOWN = "tier_unknown"
    TIER_NOT_LISTED = "tier_not_listed"
    NOT_FIRST_PURCHASE = "not_first_purchase"
    NOT_FIRST_AT_MERCHANT = "not_first_at_merchant"
    EXCLUDED = "excluded"
    NO_ELIGIBLE_LINE = "no_eligible_line"
    BELOW_FIRST_BRACKET = "below_first_bracket"
    EARNS_NOTHING = "earns_nothing"
    BEATEN_IN_GROUP = "beaten_in_group"
    BEATEN_BY_EXCLUSIVE = "beaten_by_exclusive"


class Outcome(StrEnum):
    """What becomes of a decision: granted at once, looked at by people first, waiting for budget, or nothing."""

    GRANTED = "granted"
    REVIEW = "review"
    WAITLISTED = "waitlisted"
    DECLINED = "declined"


class Exhaustion(StrEnum):
    """What a campaign does with a grant that its budget does not cover whole: a part, nothing, or let it wait."""

    PARTIAL_FILL = "partial_fill"
    DECLINE = "decline"
    WAITLIST = "waitlist"


class Limit(StrEnum):
    """What bounds a grant, in the order in which it does."""

    PURCHASE = "purchase"
    USER_DAY = "user_day"
    USER_MONTH = "user_month"
    USER_LIFETIME = "user_lifetime"
    MERCHANT_DAY = "merchant_day"
    CAMPAIGN_DAY = "campaign_day"
    CAMPAIGN_TOTAL = "campaign_total"
