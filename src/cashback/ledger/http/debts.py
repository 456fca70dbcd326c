"""What users owe over REST: the operator's to see; it is given up where every command is done once, in purchases."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, Terms, problems
from cashback.ledger.service import DebtorStory, Debts, DebtStory, UserDebtStory, WriteOffStory

UserId = Annotated[str, PathParameter(description="A user's id, `usr_...`.")]


class DebtorPage(Page[DebtorStory], frozen=True):
    """One page of users in debt; `next_cursor` is null on the last one."""


class ProgrammeDebtPage(Page[DebtStory], frozen=True):
    """One page of what programmes asked back; `next_cursor` is null on the last one."""


class WriteOffPage(Page[WriteOffStory], frozen=True):
    """One page of what was given up; `next_cursor` is null on the last one."""


@get("/v1/debts", operation_id="listDebts", summary="Users in debt", tags=["Debts"], responses=problems(403))
async def list_debts(debts: NamedDependency[Debts], limit: Limit = PAGE_DEFAULT, cursor: Cursor = None) -> DebtorPage:
    """Return who owes tokens for what was returned after its mint, how many, and since when."""
    terms = Terms.of("debts")
    found = await debts.debtors(after=terms.place(cursor), limit=limit + 1)
    return DebtorPage.of(found[:limit], terms.bound(found[limit - 1].user_id if len(found) > limit else None))


@get(
    "/v1/debts/programmes",
    operation_id="showProgrammeDebts",
    summary="What each programme asked back, the newest first",
    tags=["Debts"],
    responses=problems(403),
)
async def show_programmes(
    debts: NamedDependency[Debts], limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> ProgrammeDebtPage:
    """Return one page of what programmes asked back of their users: requested, collected and uncollected."""
    terms = Terms.of("programme_debts")
    items, place = await debts.of_programmes(after=terms.place(cursor), limit=limit)
    return ProgrammeDebtPage.of(items, terms.bound(place))


@get(
    "/v1/debts/{user_id:str}",
    operation_id="showDebt",
    summary="What a user was asked back",
    tags=["Debts"],
    responses=problems(403, 404),
)
async def show_debt(debts: NamedDependency[Debts], user_id: UserId) -> UserDebtStory:
    """Return what a user was asked back: requested, collected and uncollected, and what is open since when."""
    return await debts.of_user(user_id)


@get(
    "/v1/debts/{user_id:str}/write-offs",
    operation_id="listWriteOffs",
    summary="What was given up of a user's debt, the last first",
    tags=["Debts"],
    responses=problems(403, 404),
)
async def list_write_offs(
    debts: NamedDependency[Debts], user_id: UserId, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> WriteOffPage:
    """Return one page: by people with their reason, and by the ledger because of its age."""
    terms = Terms.of("write_offs", user_id=user_id)
    items, place = await debts.write_offs(user_id, after=terms.place(cursor), limit=limit)
    return WriteOffPage.of(items, terms.bound(place))


DEBT_ROUTES = [list_debts, show_programmes, show_debt, list_write_offs]
