"""Backtests: what purchases that were recorded would have cost by other rules, beside what they did cost."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec

from cashback.kernel.errors import Invalid, Unavailable
from cashback.kernel.money import Amount, Minor
from cashback.ledger.model.decisions import Conversion
from cashback.ledger.model.engine import Earned, Paying, Published
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.model.terms import CampaignTerms

PURCHASES_MAX: Final = 2_000_000
"""Most purchases of one backtest: what is counted by user and day grows with them, and nothing else does."""

OVER_REST_MAX: Final = 5_000
"""Most purchases of a backtest over REST: what fits into one answer's time."""

LARGEST_MAX: Final = 100
"""Most of the largest changes that are told one by one."""

Difference = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+$", description="Minor units, below 0 where it falls.")]


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a draft or version by its id, or a document for a programme; purchases recorded in a window."""

    ruleset: str
    programme_id: str | None = None
    document: Rules | None = None
    since: datetime | None = None
    until: datetime | None = None
    largest: int = 10


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that are tried, and the campaigns of their programme by id."""

    ruleset: Published
    campaigns: Mapping[str, CampaignTerms]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A purchase as it was recorded and decided; `position` is the order of recording."""

    position: int
    at: datetime
    purchase_id: str
    user_id: str
    document: bytes


class Was(msgspec.Struct, frozen=True, array_like=True):
    """What a stored decision has granted, or may after its review; which campaigns pay it, by which ruleset."""

    amount: Minor
    reason: str
    paid_by: Mapping[str, Minor]
    ruleset: str | None


class Prospect(msgspec.Struct, frozen=True, array_like=True):
    """A recorded purchase with what it was granted, and what it earns by the rules that are tried, before any limit."""

    position: int
    at: datetime
    purchase_id: str
    user_id: str
    was: Was
    earned: Earned
    conversion: Conversion | None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where the counting begins: what each campaign can pay; all other counters begin at nothing.

    `given_back` is what came back to each campaign's budget within the window, and is not paid out again.
    """

    paying: Mapping[str, Paying]
    given_back: Mapping[str, Minor] = {}


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """How many would have been granted more, less, and the same."""

    gain: int
    lose: int
    stay: int


class CampaignCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one campaign paid and would have paid; its budget for the window, and when that would have run short.

    `given_back_minor` is what refunds, rejections and expiries gave back to its budget within the window: recording
    could pay it out again, a backtest does not.
    """

    campaign_id: str
    recorded_minor: Amount
    draft_minor: Amount
    difference_minor: Difference
    budget_minor: Amount
    left_minor: Amount
    given_back_minor: Amount
    short_at: datetime | None


class ReasonCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many purchases were decided for a reason, and would have been."""

    reason: str
    recorded: int
    draft: int


class LimitCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many purchases a limit would have cut."""

    limit: str
    purchases: int


class PurchaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase that would have been granted another amount."""

    purchase_id: str
    user_id: str
    recorded_minor: Amount
    draft_minor: Amount
    difference_minor: Difference
    reason: str


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """One user who would have been granted another amount in all."""

    user_id: str
    recorded_minor: Amount
    draft_minor: Amount
    difference_minor: Difference


class BacktestStory(msgspec.Struct, frozen=True, kw_only=True):
    """What a backtest has found; nothing of it was stored.

    `passed_over` were decided by the first engine, which kept too little to decide anew. `past_unknown` were decided by
    rules that asked nothing of the user's past, where the rules tried do: they count as nobody's first purchase.
    `without_programme` were recorded within the window and taken by no programme, this one or another, so that no rules
    decide them. `given_back_minor` is what came back to the programme's budgets within the window and is left out.
    """

    ruleset: str
    programme_id: str
    currency: str
    since: datetime | None
    until: datetime | None
    purchases: int
    passed_over: int
    past_unknown: int
    without_programme: int
    given_back_minor: Amount
    recorded_minor: Amount
    draft_minor: Amount
    difference_minor: Difference
    by_purchase: Sides
    by_user: Sides
    by_merchant: Sides
    campaigns: list[CampaignCost]
    reasons: list[ReasonCount]
    limits: list[LimitCount]
    largest_rises: list[PurchaseChange]
    largest_falls: list[PurchaseChange]
    user_rises: list[UserChange]
    user_falls: list[UserChange]


class BacktestInvalid(Invalid):
    """What is to be tried breaks a stated bound; `pointer` names the place."""

    code = "backtest_invalid"


class BacktestTooLarge(Invalid):
    """The window holds more purchases than one backtest takes; `pointer` names its end."""

    code = "backtest_too_large"


class BacktestInterrupted(Unavailable):
    """A process that helped has ended, or it took longer than it may; nothing was stored, try again."""

    code = "backtest_interrupted"
