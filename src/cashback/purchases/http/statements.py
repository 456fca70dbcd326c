"""A user's statement and balances of the past over REST: JSON in pages, CSV as one stream."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import QueryParameter
from litestar.response import Stream

from cashback.kernel.http import (
    PAGE_DEFAULT,
    Cursor,
    Limit,
    held_by,
    is_head,
    left_behind,
    may_take,
    no_body,
    principal_of,
    problems,
)
from cashback.purchases.http.people import UserId
from cashback.purchases.service import BalanceAt, Statement, UserStatements

From = Annotated[datetime, QueryParameter(name="from", description="RFC 3339: what was written down from then on.")]
Until = Annotated[datetime, QueryParameter(name="to", description="RFC 3339: and before then.")]
Format = Annotated[
    Literal["json", "csv"], QueryParameter(name="format", description="Pages of JSON, or the whole as CSV (RFC 4180).")
]
KnownAt = Annotated[datetime | None, QueryParameter(description="As it was written down by this instant.")]
EffectiveAt = Annotated[datetime | None, QueryParameter(description="As it had taken effect by this instant.")]

CSV: Final = "text/csv; charset=utf-8"
"""As it is sent: the framework adds the charset to a text."""
CSV_WITHIN_S: Final = 600.0
"""Whoever reads 100,000 lines may be slow about it."""

_STATEMENT: Final = ResponseSpec(Statement, generate_examples=False, description="A page of the statement, as JSON.")


@dataclass
class _TwoFormats(Operation):
    """An operation whose answer is JSON or CSV; the framework knows one format an answer."""

    def __post_init__(self) -> None:
        """Add CSV to what is answered."""
        answer = (self.responses or {})["200"]
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content[CSV] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


@get(
    "/v1/users/{user_id:str}/statement",
    operation_class=_TwoFormats,
    operation_id="showStatement",
    summary="A user's statement of a period",
    tags=["Users"],
    responses={200: _STATEMENT, **problems(403, 404)},
)
async def show_statement(
    request: Request[Any, Any, Any],
    user_statements: NamedDependency[UserStatements],
    user_id: UserId,
    since: From,
    until: Until,
    format_: Format = "json",
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> Response[Any]:
    """Return opening balances, lines with their cause in words and the balance after each, and closing balances.

    As CSV it is the whole period, of at most 100,000 lines, two at a time for a key and eight in all; `limit` and
    `cursor` change nothing of that, though they are refused where they could be none. A reason there that begins with
    `=`, `+`, `-`, `@`, a tab or the end of a line has an apostrophe before it: no spreadsheet takes it for a formula.
    """
    if format_ == "csv":
        may_take(request, CSV_WITHIN_S)
        held = held_by(request, user_statements.seat(principal_of(request).party))
        lines = await user_statements.csv(user_id, since=since, until=until)
        return Stream(no_body() if is_head(request) else left_behind(held, lines), media_type="text/csv")
    return Response(await user_statements.page(user_id, since=since, until=until, cursor=cursor, limit=limit))


@get(
    "/v1/users/{user_id:str}/balance-at",
    operation_id="showBalanceAt",
    summary="A user's balances at an instant of the past",
    tags=["Users"],
    responses=problems(403, 404),
)
async def show_balance_at(
    user_statements: NamedDependency[UserStatements],
    user_id: UserId,
    known_at: KnownAt = None,
    effective_at: EffectiveAt = None,
) -> BalanceAt:
    """Return what was known at one instant, or what was effective at one: name exactly one of the two."""
    return await user_statements.balance_at(user_id, known_at=known_at, effective_at=effective_at)


STATEMENT_ROUTES = [show_statement, show_balance_at]
