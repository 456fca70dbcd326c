"""What waits over REST: for verdicts, for a wallet, for budget, and what people paused meanwhile."""

from datetime import timedelta
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, Terms, problems
from cashback.ledger.model.life import ExpiringStory, PauseStory, ReviewStory, WaitingStory
from cashback.ledger.service import Queues

CampaignId = Annotated[str, PathParameter(description="A campaign's id, `cmp_...`.")]
ProgrammeId = Annotated[str, PathParameter(description="A programme's id, `prg_...`.")]
OfProgramme = Annotated[str | None, QueryParameter(name="programme_id", description="Only of this programme.")]
WithinDays = Annotated[int, QueryParameter(ge=0, le=3_650, description="How many days from now.")]


class ReviewPage(Page[ReviewStory], frozen=True):
    """One page of what waits for verdicts; `next_cursor` is null on the last one."""


class WaitingPage(Page[WaitingStory], frozen=True):
    """One page of who waits for a campaign's budget; `next_cursor` is null on the last one."""


class PausePage(Page[PauseStory], frozen=True):
    """One page of a programme's pauses and their ends; `next_cursor` is null on the last one."""


class ExpiringList(msgspec.Struct, frozen=True, kw_only=True):
    """What expires soon; whoever links a wallet leaves the list."""

    items: list[ExpiringStory]


@get(
    "/v1/reviews",
    operation_id="listReviews",
    summary="Cashbacks that wait for a person's verdict, oldest first",
    tags=["Cashback"],
    responses=problems(403, 404),
)
async def list_reviews(
    queues: NamedDependency[Queues],
    programme_id: OfProgramme = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> ReviewPage:
    """Return one page of the queue, with what was said of each so far."""
    terms = Terms.of("reviews", programme_id=programme_id)
    items, place = await queues.reviews(limit=limit, place=terms.place(cursor), programme_id=programme_id)
    return ReviewPage.of(items, terms.bound(place))


@get(
    "/v1/expiring",
    operation_id="listExpiring",
    summary="Approved cashbacks that expire soon for want of a wallet",
    tags=["Cashback"],
    responses=problems(403),
)
async def list_expiring(
    queues: NamedDependency[Queues], within_days: WithinDays = 14, limit: Limit = PAGE_DEFAULT
) -> ExpiringList:
    """Return those that expire within so many days, soonest first: time to remind their users."""
    return ExpiringList(items=await queues.expiring(within=timedelta(days=within_days), limit=limit))


@get(
    "/v1/campaigns/{campaign_id:str}/waitlist",
    operation_id="listWaiting",
    summary="Cashbacks that wait for a campaign's budget, in their order",
    tags=["Campaigns"],
    responses=problems(403, 404),
)
async def list_waiting(
    queues: NamedDependency[Queues], campaign_id: CampaignId, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> WaitingPage:
    """Return one page of the line: who is first is decided again first, once the budget covers it."""
    terms = Terms.of("waitlist", campaign_id=campaign_id)
    items, place = await queues.line(campaign_id, limit=limit, place=terms.place(cursor))
    return WaitingPage.of(items, terms.bound(place))


@get(
    "/v1/programmes/{programme_id:str}/pauses",
    operation_id="listPauses",
    summary="When a programme was paused and resumed, the last time first",
    tags=["Programmes"],
    responses=problems(403, 404),
)
async def list_pauses(
    queues: NamedDependency[Queues], programme_id: ProgrammeId, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> PausePage:
    """Return one page of its pauses and their ends, each with who ordered it and why."""
    terms = Terms.of("pauses", programme_id=programme_id)
    items, place = await queues.pauses(programme_id, limit=limit, place=terms.place(cursor))
    return PausePage.of(items, terms.bound(place))


QUEUE_ROUTES = [list_reviews, list_expiring, list_waiting, list_pauses]
