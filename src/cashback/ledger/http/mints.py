"""Mints over REST, read only: cancelling one and trying one again are the command line's, with roles of their own."""

from enum import StrEnum
from typing import Annotated, Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, Terms, principal_of, problems
from cashback.kernel.money import INT63_MAX
from cashback.ledger.model.mint_stories import Mint, MintStanding
from cashback.ledger.service import MintStories

TAG: Final = "Mints"


class Expandable(StrEnum):
    """What is told of mints on demand alone: it takes a question to somebody else."""

    CHAIN = "chain"


Number = Annotated[int, PathParameter(ge=1, lt=INT63_MAX, description="The number that the token allows once.")]
Standing = Annotated[MintStanding | None, QueryParameter(name="state", description="Only mints that stand so.")]
MerchantId = Annotated[
    str | None, QueryParameter(max_length=64, description="Only mints of this merchant's purchases, `mer_...`.")
]
Expand = Annotated[
    Expandable | None, QueryParameter(description="`chain`: also how far each has come on the chain by now.")
]


class MintPage(Page[Mint], frozen=True):
    """One page of mints; `next_cursor` is null on the last one."""


@get(
    "/v1/mints",
    operation_id="listMints",
    summary="Mints, the highest number first",
    tags=[TAG],
    responses=problems(404),
)
async def list_mints(
    request: Request[Any, Any, Any],
    mint_stories: NamedDependency[MintStories],
    standing: Standing = None,
    merchant_id: MerchantId = None,
    expand: Expand = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> MintPage:
    """Return one page of mints; a merchant sees those of its own purchases alone.

    10,000 mints are looked through for a page of one state: it may have fewer items than there are, and `next_cursor`
    goes on.
    """
    whose = principal_of(request).whose(merchant_id)
    terms = Terms.of("mints", standing=standing, merchant_id=whose)
    items, place = await mint_stories.page(
        merchant_id=whose,
        standing=standing,
        with_chain=expand is Expandable.CHAIN,
        place=terms.place(cursor),
        limit=limit,
    )
    return MintPage.of(items, terms.bound(place))


@get("/v1/mints/{number:int}", operation_id="showMint", summary="One mint", tags=[TAG], responses=problems(404))
async def show_mint(
    request: Request[Any, Any, Any], mint_stories: NamedDependency[MintStories], number: Number, expand: Expand = None
) -> Mint:
    """Return what was frozen at a mint's request, and what became of it."""
    seen_by = principal_of(request).merchant_id
    return await mint_stories.mint(number, seen_by=seen_by, with_chain=expand is Expandable.CHAIN)


MINT_ROUTES = [list_mints, show_mint]
