"""One cashback over REST: read only, since only decisions and the chain change it."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from cashback.kernel.http import principal_of, problems
from cashback.ledger.model import CashbackStory
from cashback.ledger.service import Stories

CashbackId = Annotated[str, Parameter(description="A cashback's id, `cb_...`.")]


@get(
    "/v1/cashback/{cashback_id:str}",
    operation_id="showCashback",
    summary="One cashback with its whole timeline",
    tags=["Cashback"],
    responses=problems(404),
)
async def show_cashback(
    request: Request[Any, Any, Any], stories: NamedDependency[Stories], cashback_id: CashbackId
) -> CashbackStory:
    """Return a cashback, why it was granted or declined, and how far its mint has come; a merchant sees its own."""
    return await stories.cashback(cashback_id, merchant_id=principal_of(request).merchant_id)


CASHBACK_ROUTES = [show_cashback]
