"""The trial balance over REST, for operators."""

from datetime import datetime
from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cashback.kernel.db import Database
from cashback.kernel.http import problems
from cashback.ledger.model.trial import TrialBalance
from cashback.ledger.service.trial import trial_balance

ANSWER_WITHIN_S: Final = 30
"""As long as any statement of the API; larger books are added up by `cashback ledger trial-balance`."""

At = Annotated[
    datetime | None, QueryParameter(description="RFC 3339: as known at this instant; as it stands when left out.")
]


@get(
    "/v1/trial-balance",
    operation_id="showTrialBalance",
    summary="The trial balance of the books",
    tags=["Books"],
    responses=problems(403),
)
async def show_trial_balance(books: NamedDependency[Database], at: At = None) -> TrialBalance:
    """Return every kind of account by currency with its debits and credits, which must be equal."""
    return await trial_balance(books, at=at, within_s=ANSWER_WITHIN_S)


TRIAL_ROUTES = [show_trial_balance]
