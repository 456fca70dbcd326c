"""Exchange rates over REST: put by an operator, read as of any instant."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, Terms, problems
from cashback.kernel.money import CURRENCY_PATTERN
from cashback.purchases.http.commands import answer, command_route, ordered_by
from cashback.purchases.service.rates import NewRate, Rate, RateReadings, Rates

Code = Annotated[str, msgspec.Meta(pattern=CURRENCY_PATTERN)]
Wanted = Annotated[str, QueryParameter(pattern=CURRENCY_PATTERN, description="An ISO 4217 code.")]
Picked = Annotated[str | None, QueryParameter(pattern=CURRENCY_PATTERN, description="Only rates of this currency.")]
Instant = Annotated[datetime, QueryParameter(description="RFC 3339 with an offset.")]


class RateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole units of `quote` for one whole unit of `base`, as a ratio; as of now when no time is named.

    `is_confirmed` lets a rate pass that is more than twice the one before, or less than half of it.
    """

    base: Code
    quote: Code
    numerator: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    denominator: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    as_of: datetime | None = None
    is_confirmed: bool = False


class RatePage(Page[Rate], frozen=True):
    """One page of exchange rates; `next_cursor` is null on the last one."""


@command_route(
    "/v1/exchange-rates", operation_id="putRate", summary="Put an exchange rate", tag="Exchange rates", meets=(403, 409)
)
async def put_rate(
    request: Request[Any, Any, Any],
    rates: NamedDependency[Rates],
    data: JSONBody[RateBody],
    idempotency_key: IdempotencyKey,
) -> Response[Rate]:
    """Have a rate be in force from its instant on; decisions that were made keep theirs."""
    new = NewRate(
        base=data.base,
        quote=data.quote,
        numerator=data.numerator,
        denominator=data.denominator,
        source=data.source,
        as_of=data.as_of,
        is_confirmed=data.is_confirmed,
    )
    return answer(await rates.put(ordered_by(request, idempotency_key), new))


@get(
    "/v1/exchange-rates/current",
    operation_id="showRate",
    summary="The exchange rate in force at an instant",
    tags=["Exchange rates"],
    responses=problems(403, 404),
)
async def show_rate(rate_readings: NamedDependency[RateReadings], base: Wanted, quote: Wanted, at: Instant) -> Rate:
    """Return the latest rate of a pair that is no later than the instant."""
    return await rate_readings.in_force(base, quote, at=at)


@get(
    "/v1/exchange-rates",
    operation_id="listRates",
    summary="Exchange rates, the last put first",
    tags=["Exchange rates"],
    responses=problems(403),
)
async def list_rates(  # what the framework hands over, each by its name
    rate_readings: NamedDependency[RateReadings],
    base: Picked = None,
    quote: Picked = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> RatePage:
    """Return one page, of all pairs or of those that are named."""
    terms = Terms.of("rates", base=base, quote=quote)
    items, place = await rate_readings.rates(base=base, quote=quote, after=terms.place(cursor), limit=limit)
    return RatePage.of(items, terms.bound(place))


RATE_ROUTES = [put_rate, show_rate, list_rates]
