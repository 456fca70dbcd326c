"""What waits for people over REST: cashbacks in review, and users who should link a wallet."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, place_of, principal_of, problems, require_operator
from cashback.ledger.model.life import ExpiringStory, ReviewStory
from cashback.ledger.service import Queues

WithinDays = Annotated[int, QueryParameter(ge=0, le=3_650, description="How many days from now.")]


class ReviewPage(Page[ReviewStory], frozen=True):
    """One page of what waits for verdicts; `next_cursor` is null on the last one."""


class ExpiringList(msgspec.Struct, frozen=True, kw_only=True):
    """What expires soon; whoever links a wallet leaves the list."""

    items: list[ExpiringStory]


@get(
    "/v1/reviews",
    operation_id="listReviews",
    summary="Cashbacks that wait for a person's verdict, oldest first",
    tags=["Cashback"],
    responses=problems(403),
)
async def list_reviews(
    request: Request[Any, Any, Any], queues: NamedDependency[Queues], limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> ReviewPage:
    """Return one page of the queue, with what was said of each so far."""
    require_operator(principal_of(request))
    items, next_place = await queues.reviews(limit=limit, place=place_of(cursor))
    return ReviewPage.of(items, next_place)


@get(
    "/v1/expiring",
    operation_id="listExpiring",
    summary="Approved cashbacks that expire soon for want of a wallet",
    tags=["Cashback"],
    responses=problems(403),
)
async def list_expiring(
    request: Request[Any, Any, Any],
    queues: NamedDependency[Queues],
    within_days: WithinDays = 14,
    limit: Limit = PAGE_DEFAULT,
) -> ExpiringList:
    """Return those that expire within so many days, soonest first: time to remind their users."""
    require_operator(principal_of(request))
    return ExpiringList(items=await queues.expiring(within=timedelta(days=within_days), limit=limit))


QUEUE_ROUTES = [list_reviews, list_expiring]
