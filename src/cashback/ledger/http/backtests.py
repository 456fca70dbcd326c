"""Backtests over REST: a bounded window of recorded purchases, decided by other rules while the caller waits."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, Parameter

from cashback.kernel.http import IdempotencyKey, may_take, principal_of, problems
from cashback.kernel.keys import check_key_text
from cashback.ledger.model.backtests import LARGEST_MAX, OVER_REST_MAX, Backtest, BacktestStory
from cashback.ledger.service import Backtests
from cashback.ledger.service.backtesting import WITHIN_S

GRACE_S: Final = 60.0

Instant = Annotated[datetime, msgspec.Meta(tz=True, description="With its offset.")]


class BacktestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which purchases: those recorded in `[since, until)`, all when left out; and how many changes to tell."""

    since: Instant | None = None
    until: Instant | None = None
    largest: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_MAX)] = 10


def _unheard(done: int, total: int) -> None:
    """Tell nobody how far it is: the caller has the answer, or none."""
    del done, total


@post(
    "/v1/rulesets/{ruleset_id:str}/backtests",
    operation_id="backtestRuleset",
    summary="What recorded purchases would have cost",
    tags=["Rulesets"],
    responses=problems(403, 404, 409, 413, 415),
)
async def backtest_ruleset(
    request: Request[Any, Any, Any],
    backtests: NamedDependency[Backtests],
    ruleset_id: Annotated[str, Parameter(description="A draft's id, `drf_...`, or a version's, `rul_...`.")],
    data: JSONBody[BacktestBody],
    idempotency_key: IdempotencyKey,
) -> Response[BacktestStory]:
    """Decide recorded purchases by a draft or a version, in the order of recording; nothing is kept.

    One runs at a time, for 15 minutes at most with its wait; two of a key run or wait, and eight in all.
    """
    check_key_text(idempotency_key)
    # It has a bound of its own, which tells more.
    may_take(request, WITHIN_S + GRACE_S)
    asked = Backtest(ruleset=ruleset_id, since=data.since, until=data.until, largest=data.largest)
    with backtests.seat(principal_of(request).party):
        return Response(await backtests.run(asked, most=OVER_REST_MAX, reached=_unheard))


BACKTEST_ROUTES = [backtest_ruleset]
