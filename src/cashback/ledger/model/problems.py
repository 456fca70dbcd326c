"""What can be wrong with a ruleset, and what differs between two of them."""

from enum import StrEnum

import msgspec

from cashback.kernel.errors import Invalid


class Severity(StrEnum):
    """An error keeps a ruleset from being published; a warning is most likely a mistake, and may be meant."""

    ERROR = "error"
    WARNING = "warning"


class Fault(StrEnum):
    """What is wrong; the codes are stable."""

    RULE_REPEATED = "rule_repeated"
    GROUP_REPEATED = "group_repeated"
    TIER_REPEATED = "tier_repeated"
    GROUP_UNKNOWN = "group_unknown"
    TIER_UNKNOWN = "tier_unknown"
    CAMPAIGN_UNKNOWN = "campaign_unknown"
    CAMPAIGNS_TOO_MANY = "campaigns_too_many"
    GROUP_UNUSED = "group_unused"
    MCC_MALFORMED = "mcc_malformed"
    CURRENCY_UNKNOWN = "currency_unknown"
    CURRENCY_WITHDRAWN = "currency_withdrawn"
    TIME_ZONE_UNKNOWN = "time_zone_unknown"
    WINDOW_REVERSED = "window_reversed"
    AMOUNTS_REVERSED = "amounts_reversed"
    HOURS_WHOLE_DAY = "hours_whole_day"
    AMOUNT_ZERO = "amount_zero"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    RATE_ZERO = "rate_zero"
    RATE_ABSURD = "rate_absurd"
    RATES_ABSURD = "rates_absurd"
    BRACKETS_OUT_OF_ORDER = "brackets_out_of_order"
    LIMITS_OUT_OF_ORDER = "limits_out_of_order"
    REVIEW_NEVER = "review_never"
    NEVER_HOLDS = "never_holds"
    GATE_CONTRADICTS = "gate_contradicts"
    NEVER_WINS = "never_wins"
    SHADOWED = "shadowed"
    COUNTED_TWICE = "counted_twice"
    CHECK_REPEATED = "check_repeated"
    TIME_WITHOUT_OFFSET = "time_without_offset"
    GRANT_ABOVE_LIMIT = "grant_above_limit"
    GRANT_UNBOUNDED = "grant_unbounded"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where it stands in the document (RFC 6901), and a sentence for people."""

    code: Fault
    severity: Severity
    pointer: str
    detail: str


class ChangeKind(StrEnum):
    """What happened to a place in a document."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: where, in words, and what stands there before and after; None where nothing does.

    Rules, groups, tiers and checks are known by their ids: the pointer of what was removed is that of the old document.
    """

    kind: ChangeKind
    pointer: str
    words: str
    before: object = None
    after: object = None


class RulesetInvalid(Invalid):
    """A ruleset has an error; `pointer` names the place of the first, `problems` holds all."""

    code = "ruleset_invalid"
