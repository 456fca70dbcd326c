"""Who did what, over REST: the operator sees everybody's commands, a merchant its own."""

from datetime import datetime
from typing import Annotated, Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, Terms, charge, principal_of, problems
from cashback.kernel.instants import in_utc
from cashback.purchases.model.audit import Deed
from cashback.purchases.service import AuditLog

WORTH: Final = 25
"""So many requests a page counts as: it reads up to 10,000 commands, of everybody, whoever asks."""

From = Annotated[datetime | None, QueryParameter(name="from", description="RFC 3339: what was done from then on.")]
Until = Annotated[
    datetime | None, QueryParameter(name="to", description="RFC 3339: and before then, at most 31 days later.")
]
KeyId = Annotated[str | None, QueryParameter(max_length=64, description="What was done with this API key alone.")]
Resource = Annotated[
    str | None, QueryParameter(max_length=200, description="What was done to this alone, such as a user's id.")
]


class DeedPage(Page[Deed], frozen=True):
    """One page of the log; `next_cursor` is null on the last one, and on no other, however few items there are."""


@get(
    "/v1/audit-log",
    operation_id="listDeeds",
    summary="Who did what, the last first",
    tags=["Audit log"],
    responses=problems(404),
)
async def list_deeds(
    request: Request[Any, Any, Any],
    audit_log: NamedDependency[AuditLog],
    since: From = None,
    until: Until = None,
    key_id: KeyId = None,
    resource: Resource = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> DeedPage:
    """Return commands that were done; a merchant sees those in its own name alone.

    A page looks at 10,000 commands at most. So where little of them is asked for it may have few items, or none, and
    the next one goes on. It is as much work as 25 other requests, and counts as so many against the key's rate.
    """
    charge(request, WORTH - 1)
    merchant_id = principal_of(request).merchant_id
    terms = Terms.of(
        "deeds", merchant_id=merchant_id, since=in_utc(since), until=in_utc(until), key_id=key_id, resource=resource
    )
    items, place = await audit_log.deeds(
        merchant_id=merchant_id,
        since=since,
        until=until,
        key_id=key_id,
        resource=resource,
        place=terms.place(cursor),
        limit=limit,
    )
    return DeedPage.of(items, terms.bound(place))


AUDIT_ROUTES = [list_deeds]
