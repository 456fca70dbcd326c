"""Campaigns: who pays for what rules grant, out of a budget in the books that cannot be exceeded.

funded = left + reserved + spent      what was put in is still there, granted and not yet requested, or requested
"""

from datetime import date, datetime
from typing import Literal

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound
from cashback.kernel.money import Amount, Minor


class NewCampaign(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A campaign to be; it has a total budget, or it is none. No start means now."""

    programme_id: str
    name: str
    budget: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    day_limit: int | None = None
    on_exhaustion: Literal["partial_fill", "decline", "waitlist"] = "partial_fill"
    stripes: int = 1


class BudgetChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So much more (`funding`) or less (`withdrawal`) for a campaign, in minor units, and why."""

    campaign_id: str
    cause: Literal["funding", "withdrawal"]
    amount: int
    reason: str


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it is stored, with the currency and the time zone of its programme."""

    id: str
    programme_id: str
    name: str
    currency: str
    exponent: int
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    day_limit: Minor | None
    on_exhaustion: str
    stripes: int
    created_at: datetime
    closed_at: datetime | None
    budget: Minor
    budget_left: Minor


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign granted on a day of its programme's time zone, and what came back to its budget."""

    day: date
    granted: Minor
    given_back: Minor


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a budget: granted and not yet requested, requested or minted, and given back."""

    reserved: Minor
    spent: Minor
    given_back: Minor


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The day on which a budget ends if spending goes on as it did; `latest` is null when it may last for ever.

    `day` follows the mean of `days_seen` whole days; `earliest` and `latest` the busiest and the quietest stretch of
    `stretch_days` days among them. With less than twice that many days seen the two say little.
    """

    day: date
    earliest: date
    latest: date | None
    days_seen: int
    stretch_days: int
    method: str = "mean_of_whole_days"


class CampaignAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with its budget, in the words that leave the house."""

    id: str
    programme_id: str
    name: str
    currency: str
    starts_at: datetime
    ends_at: datetime | None
    day_limit_minor: Amount | None
    on_exhaustion: str
    stripes: int
    budget_minor: Amount
    budget_left_minor: Amount
    created_at: datetime
    closed_at: datetime | None


class DayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign granted on a day of its programme's time zone, and what came back to its budget."""

    day: date
    granted_minor: Amount
    given_back_minor: Amount


class BudgetStory(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a campaign's budget: `funded` = `left` + `reserved` + `spent`; days without either are left out.

    `forecast` is null where nothing was spent on the whole days that were looked at.
    """

    campaign_id: str
    currency: str
    funded_minor: Amount
    left_minor: Amount
    reserved_minor: Amount
    spent_minor: Amount
    given_back_minor: Amount
    days: list[DayAnswer]
    forecast: Forecast | None


class CampaignUnknown(NotFound):
    """There is no such campaign."""

    code = "campaign_unknown"


class CampaignInvalid(Invalid):
    """What is said of a campaign breaks a stated bound; `pointer` names the place."""

    code = "campaign_invalid"


class CampaignExists(Conflict):
    """The programme has a campaign of this name."""

    code = "campaign_exists"


class CampaignClosed(Conflict):
    """The campaign was closed, or its programme has ended."""

    code = "campaign_closed"


class BudgetBelowReserved(Conflict):
    """Less would be left than was promised already: only what is left can be withdrawn, which `left_minor` tells."""

    code = "budget_below_reserved"
