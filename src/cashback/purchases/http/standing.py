"""Who may earn at present, over REST: an operator blocks users and deactivates merchants, and reads who said so."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.http import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, SeenIfTold, Terms, problems
from cashback.purchases.http.commands import (
    OrderBody,
    Said,
    answer,
    command_route,
    merchant_in_path,
    signed_by,
    user_in_path,
)
from cashback.purchases.http.people import MerchantId, UserId
from cashback.purchases.model.standing import MerchantActivity, UserBlock
from cashback.purchases.service import ActivityAnswer, ActivityItem, BlockAnswer, BlockItem, Standings


class BlockPage(Page[BlockItem], frozen=True):
    """One page of a user's blocks and the ends of them; `next_cursor` is null on the last one."""


class ActivityPage(Page[ActivityItem], frozen=True):
    """One page of a merchant's deactivations and the ends of them; `next_cursor` is null on the last one."""


@command_route(
    "/v1/users/{user_id:str}/block",
    operation_id="blockUser",
    summary="Block a user",
    tag="Users",
    meets=(403, 404, 409, 412),
)
async def block_user(  # what the framework hands over, each by its name
    request: Request[Any, Any, Any],
    standings: NamedDependency[Standings],
    user_id: UserId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[BlockAnswer]:
    """Have purchases recorded from now on earn the user nothing, until that is ended; what was granted lives on."""
    said = _block(user_id, signed_by(request, idempotency_key, data), is_blocked=True)
    return answer(await standings.set(said, seen=if_match))


@command_route(
    "/v1/users/{user_id:str}/unblock",
    operation_id="unblockUser",
    summary="Unblock a user",
    tag="Users",
    meets=(403, 404, 409, 412),
)
async def unblock_user(  # as above
    request: Request[Any, Any, Any],
    standings: NamedDependency[Standings],
    user_id: UserId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[BlockAnswer]:
    """Have purchases recorded from now on earn again; those of the meantime are not decided anew."""
    said = _block(user_id, signed_by(request, idempotency_key, data), is_blocked=False)
    return answer(await standings.set(said, seen=if_match))


@get(
    "/v1/users/{user_id:str}/blocks",
    operation_id="listBlocks",
    summary="Who blocked and unblocked a user, and why, newest first",
    tags=["Users"],
    responses=problems(403, 404),
)
async def list_blocks(
    standings: NamedDependency[Standings], user_id: UserId, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> BlockPage:
    """Return one page of each block and each end of one; what changed nothing is not among them."""
    asked = user_in_path(user_id)
    terms = Terms.of("blocks", user_id=asked)
    items, place = await standings.blocks(asked, place=terms.place(cursor), limit=limit)
    return BlockPage.of(items, terms.bound(place))


@command_route(
    "/v1/merchants/{merchant_id:str}/deactivate",
    operation_id="deactivateMerchant",
    summary="Deactivate a merchant",
    tag="Merchants",
    meets=(403, 404, 409, 412),
)
async def deactivate_merchant(  # as above
    request: Request[Any, Any, Any],
    standings: NamedDependency[Standings],
    merchant_id: MerchantId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[ActivityAnswer]:
    """Have purchases recorded there from now on earn nothing, until that is ended; what was granted lives on.

    Its API keys go on: it still records purchases and refunds.
    """
    said = _activity(merchant_id, signed_by(request, idempotency_key, data), is_active=False)
    return answer(await standings.set(said, seen=if_match))


@command_route(
    "/v1/merchants/{merchant_id:str}/activate",
    operation_id="activateMerchant",
    summary="Activate a merchant again",
    tag="Merchants",
    meets=(403, 404, 409, 412),
)
async def activate_merchant(  # as above
    request: Request[Any, Any, Any],
    standings: NamedDependency[Standings],
    merchant_id: MerchantId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[ActivityAnswer]:
    """Have purchases recorded there from now on earn again; those of the meantime are not decided anew."""
    said = _activity(merchant_id, signed_by(request, idempotency_key, data), is_active=True)
    return answer(await standings.set(said, seen=if_match))


@get(
    "/v1/merchants/{merchant_id:str}/deactivations",
    operation_id="listDeactivations",
    summary="Who deactivated and activated a merchant, and why, newest first",
    tags=["Merchants"],
    responses=problems(403, 404),
)
async def list_deactivations(
    standings: NamedDependency[Standings], merchant_id: MerchantId, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> ActivityPage:
    """Return one page of each deactivation and each end of one; a merchant is not told why, it sees since when."""
    asked = merchant_in_path(merchant_id)
    terms = Terms.of("deactivations", merchant_id=asked)
    items, place = await standings.deactivations(asked, place=terms.place(cursor), limit=limit)
    return ActivityPage.of(items, terms.bound(place))


def _block(user_id: str, signed: Said, *, is_blocked: bool) -> UserBlock:
    """Return the command that blocks the user in the path, or ends that."""
    asked = user_in_path(user_id)
    return UserBlock(**signed, user_id=asked, is_blocked=is_blocked)


def _activity(merchant_id: str, signed: Said, *, is_active: bool) -> MerchantActivity:
    """Return the command that deactivates the merchant in the path, or ends that."""
    asked = merchant_in_path(merchant_id)
    return MerchantActivity(**signed, merchant_id=asked, is_active=is_active)


STANDING_ROUTES = [block_user, unblock_user, list_blocks, deactivate_merchant, activate_merchant, list_deactivations]
