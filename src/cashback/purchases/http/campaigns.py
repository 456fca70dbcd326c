"""Campaigns over REST: created with a budget, raised, lowered, closed, and told what became of the money."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cashback.kernel.entity import tag_of
from cashback.kernel.http import (
    PAGE_DEFAULT,
    TAG_HEADER,
    Cursor,
    Held,
    IdempotencyKey,
    Limit,
    Page,
    Terms,
    problems,
    tagged,
    tagged_problems,
)
from cashback.kernel.money import Amount
from cashback.purchases.http.commands import ReasonBody, answer, command_route, ordered_by
from cashback.purchases.http.programmes import ProgrammeId
from cashback.purchases.service.campaigns import (
    BudgetChange,
    BudgetStory,
    CampaignAnswer,
    CampaignReadings,
    Campaigns,
    NewCampaign,
)

CampaignId = Annotated[str, PathParameter(description="A campaign's id, `cmp_...`.")]
Days = Annotated[int, QueryParameter(ge=1, le=366, description="How many days of history, today included.")]
Open = Annotated[bool | None, QueryParameter(name="is_open", description="Only open campaigns, or only closed ones.")]


class CampaignBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new campaign: for which programme, with which budget in all; without a start it starts at once.

    `stripes` is over how many accounts the budget is split, so that many are granted from it at the same time.
    """

    programme_id: Annotated[str, msgspec.Meta(max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    budget_minor: Amount
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    day_limit_minor: Amount | None = None
    on_exhaustion: Literal["partial_fill", "decline", "waitlist"] = "partial_fill"
    stripes: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1


class BudgetBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By how much a budget is raised or lowered, and why."""

    amount_minor: Amount
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class CampaignPage(Page[CampaignAnswer], frozen=True):
    """One page of a programme's campaigns; `next_cursor` is null on the last one."""


@command_route(
    "/v1/campaigns",
    operation_id="createCampaign",
    summary="Create a campaign with its budget",
    tag="Campaigns",
    makes="/v1/campaigns/{campaign_id}",
)
async def create_campaign(
    request: Request[Any, Any, Any],
    campaigns: NamedDependency[Campaigns],
    data: JSONBody[CampaignBody],
    idempotency_key: IdempotencyKey,
) -> Response[CampaignAnswer]:
    """Create a campaign that rulesets may name; its budget is in the books from now on."""
    new = NewCampaign(
        programme_id=data.programme_id,
        name=data.name,
        budget=int(data.budget_minor),
        starts_at=data.starts_at,
        ends_at=data.ends_at,
        day_limit=None if data.day_limit_minor is None else int(data.day_limit_minor),
        on_exhaustion=data.on_exhaustion,
        stripes=data.stripes,
    )
    return answer(await campaigns.create(ordered_by(request, idempotency_key), new))


@command_route(
    "/v1/campaigns/{campaign_id:str}/top-up",
    operation_id="topUpCampaign",
    summary="Raise a campaign's budget",
    tag="Campaigns",
)
async def top_up(
    request: Request[Any, Any, Any],
    campaigns: NamedDependency[Campaigns],
    campaign_id: CampaignId,
    data: JSONBody[BudgetBody],
    idempotency_key: IdempotencyKey,
) -> Response[CampaignAnswer]:
    """Put so much more into the budget, and keep why."""
    change = BudgetChange(campaign_id=campaign_id, cause="funding", amount=int(data.amount_minor), reason=data.reason)
    return answer(await campaigns.change(ordered_by(request, idempotency_key), change))


@command_route(
    "/v1/campaigns/{campaign_id:str}/withdraw",
    operation_id="withdrawFromCampaign",
    summary="Lower a campaign's budget",
    tag="Campaigns",
)
async def withdraw(
    request: Request[Any, Any, Any],
    campaigns: NamedDependency[Campaigns],
    campaign_id: CampaignId,
    data: JSONBody[BudgetBody],
    idempotency_key: IdempotencyKey,
) -> Response[CampaignAnswer]:
    """Take so much out of what is left; what was promised or spent stays."""
    change = BudgetChange(
        campaign_id=campaign_id, cause="withdrawal", amount=int(data.amount_minor), reason=data.reason
    )
    return answer(await campaigns.change(ordered_by(request, idempotency_key), change))


@command_route(
    "/v1/campaigns/{campaign_id:str}/close", operation_id="closeCampaign", summary="Close a campaign", tag="Campaigns"
)
async def close_campaign(
    request: Request[Any, Any, Any],
    campaigns: NamedDependency[Campaigns],
    campaign_id: CampaignId,
    data: JSONBody[ReasonBody],
    idempotency_key: IdempotencyKey,
) -> Response[CampaignAnswer]:
    """Have no further ruleset name it; what is left of its budget can be withdrawn."""
    return answer(await campaigns.close(ordered_by(request, idempotency_key), campaign_id, reason=data.reason))


@command_route(
    "/v1/campaigns/{campaign_id:str}/rebalance",
    operation_id="rebalanceCampaign",
    summary="Even out the stripes of a campaign's budget",
    tag="Campaigns",
)
async def rebalance(
    request: Request[Any, Any, Any],
    campaigns: NamedDependency[Campaigns],
    campaign_id: CampaignId,
    data: JSONBody[ReasonBody],
    idempotency_key: IdempotencyKey,
) -> Response[CampaignAnswer]:
    """Split what is left evenly over the accounts of the budget; the sum stays as it is."""
    return answer(await campaigns.rebalance(ordered_by(request, idempotency_key), campaign_id, reason=data.reason))


@get(
    "/v1/campaigns/{campaign_id:str}",
    operation_id="showCampaign",
    summary="One campaign",
    tags=["Campaigns"],
    response_headers=[TAG_HEADER],
    responses=tagged_problems(403, 404),
)
async def show_campaign(
    campaign_readings: NamedDependency[CampaignReadings], campaign_id: CampaignId, if_none_match: Held = None
) -> Response[CampaignAnswer]:
    """Return a campaign and what is left of its budget."""
    campaign = await campaign_readings.campaign(campaign_id)
    return tagged(campaign, tag_of(campaign), if_none_match)


@get(
    "/v1/campaigns/{campaign_id:str}/budget",
    operation_id="showBudget",
    summary="What became of a campaign's budget, and when it ends",
    tags=["Campaigns"],
    responses=problems(403, 404),
)
async def show_budget(
    campaign_readings: NamedDependency[CampaignReadings], campaign_id: CampaignId, days: Days = 30
) -> BudgetStory:
    """Return what is left, reserved and spent, the last days, and the day on which the budget ends if that goes on."""
    return await campaign_readings.budget(campaign_id, days=days)


@get(
    "/v1/programmes/{programme_id:str}/campaigns",
    operation_id="listCampaigns",
    summary="A programme's campaigns, the oldest first",
    tags=["Campaigns"],
    responses=problems(403, 404),
)
async def list_campaigns(
    campaign_readings: NamedDependency[CampaignReadings],
    programme_id: ProgrammeId,
    is_open: Open = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> CampaignPage:
    """Return one page, closed ones included unless told otherwise; with its programme each of them ends."""
    terms = Terms.of("campaigns", programme_id=programme_id, is_open=is_open)
    place = terms.place(cursor)
    items, following = await campaign_readings.campaigns(programme_id, after=place, limit=limit, is_open=is_open)
    return CampaignPage.of(items, terms.bound(following))


CAMPAIGN_ROUTES = [
    create_campaign,
    top_up,
    withdraw,
    close_campaign,
    rebalance,
    show_campaign,
    show_budget,
    list_campaigns,
]
