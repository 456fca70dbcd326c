"""What rules ask about people, over REST: a merchant's category and owners, a user's tier."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.http import IdempotencyKey, SeenIfTold
from cashback.kernel.patterns import MCC_PATTERN, SLUG_PATTERN
from cashback.purchases.http.commands import answer, command_route, merchant_in_path, ordered_by, user_in_path
from cashback.purchases.http.people import MerchantId, UserId
from cashback.purchases.model import Merchant, User
from cashback.purchases.service.facts import Facts, MerchantFacts, TierChange


class MerchantFactsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merchant's category code (ISO 18245) and the users who own it; both are set, what is left out is none."""

    mcc: Annotated[str, msgspec.Meta(pattern=MCC_PATTERN)] | None = None
    owners: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=100)] = []


class TierBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user's tier, null for none, and since when; since now when no time is named."""

    tier: Annotated[str, msgspec.Meta(pattern=SLUG_PATTERN)] | None
    since: datetime | None = None


@command_route(
    "/v1/merchants/{merchant_id:str}/facts",
    operation_id="setMerchantFacts",
    summary="Set a merchant's category and owners",
    tag="Merchants",
    meets=(403, 404, 409, 412),
)
async def set_merchant_facts(  # what the framework hands over, each by its name
    request: Request[Any, Any, Any],
    facts: NamedDependency[Facts],
    merchant_id: MerchantId,
    data: JSONBody[MerchantFactsBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[Merchant]:
    """Have rules know its category, and what its owners buy there as self-dealing, from now on.

    Both are set at once: without `owners` it has none from now on, and without `mcc` no category. Who changes one of
    them sends the other as `GET /v1/merchants/{merchant_id}` tells it, with the `ETag` of that in `If-Match`.
    """
    order = ordered_by(request, idempotency_key)
    asked = merchant_in_path(merchant_id)
    new = MerchantFacts(merchant_id=asked, mcc=data.mcc, owners=tuple(data.owners))
    return answer(await facts.set_merchant(order, new, seen=if_match))


@command_route(
    "/v1/users/{user_id:str}/tier",
    operation_id="setTier",
    summary="Set a user's tier",
    tag="Users",
    meets=(403, 404, 409, 412),
)
async def set_tier(  # as above
    request: Request[Any, Any, Any],
    facts: NamedDependency[Facts],
    user_id: UserId,
    data: JSONBody[TierBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[User]:
    """Have rules know the user's tier from now on; what was decided stays."""
    order = ordered_by(request, idempotency_key)
    asked = user_in_path(user_id)
    change = TierChange(user_id=asked, tier=data.tier, since=data.since)
    return answer(await facts.set_tier(order, change, seen=if_match))


FACT_ROUTES = [set_merchant_facts, set_tier]
