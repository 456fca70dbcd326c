"""The log of who did what, the last first: each page looks at a bounded part of a window that is bounded itself.

It is the table of idempotency keys, read by time: what is not written there was not done, and nothing of it that says
who did what is ever changed or taken away.
"""

import re
from datetime import datetime
from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.page import CursorInvalid
from cashback.purchases.model import OPERATOR
from cashback.purchases.model.audit import WINDOW_MAX, Deed, WindowInvalid
from cashback.purchases.rules import told_deed
from cashback.purchases.store import audit as store
from cashback.purchases.store.audit import Place, Row, Wanted

LOOKED_AT_MAX: Final = 10_000
"""So many commands one page looks at: what is rare is found in several pages, some of them empty."""

_NAME: Final = re.compile(r"[0-9a-f]{64}")


class AuditLog:
    """Tells who did what; nothing is changed."""

    def __init__(self, database: Database, *, clock: Clock, looked_at_max: int = LOOKED_AT_MAX) -> None:
        """Read from `database`."""
        self._database = database
        self._clock = clock
        self._looked_at_max = looked_at_max

    async def deeds(
        self,
        *,
        merchant_id: str | None,
        since: datetime | None,
        until: datetime | None,
        key_id: str | None,
        resource: str | None,
        place: str | None,
        limit: int,
    ) -> tuple[list[Deed], str | None]:
        """Return up to `limit` commands of `[since, until)`, and where the next page begins.

        Of a merchant its own alone, of the operator (None) everybody's. Without an end the window ends now, without a
        beginning it is as long as it may be.

        Raises:
            WindowInvalid: it is empty, too long, or an end of it is no instant.
            CursorInvalid: the place is none of ours.
        """
        start, end = self._window(since, until)
        first = Place(end, "")
        # Whoever shows the cursor of another window sees what lies behind it in this one.
        before = first if place is None else min(_placed(place), first, key=lambda one: (one.at, one.name))
        wanted = Wanted(since=start, owner=merchant_id, by_key=key_id, resource=resource)
        async with self._database.transaction() as tx:
            found, behind = await store.page(
                tx, wanted, before=before, looked_at_max=self._looked_at_max, limit=limit + 1
            )
        following = found[limit - 1].place if len(found) > limit else behind
        told = None if following is None else f"{following.at.isoformat()} {following.name}"
        return [_told(row) for row in found[:limit]], told

    def _window(self, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
        """Return both ends of a window.

        Raises:
            WindowInvalid: it is none.
        """
        for end, parameter in ((since, "from"), (until, "to")):
            if end is not None and not is_in_range(end):
                raise WindowInvalid(WANTED, parameter=parameter)
        last = until or self._clock.now()
        first = since or last - WINDOW_MAX
        if first >= last:
            raise WindowInvalid("a window ends after it begins", parameter="from" if until is None else "to")
        if last - first > WINDOW_MAX:
            raise WindowInvalid(f"a window is of at most {WINDOW_MAX.days} days: name both ends", parameter="from")
        return first, last


def _placed(place: str) -> Place:
    """Return the place that a page starts behind.

    Raises:
        CursorInvalid: the text is no place of ours.
    """
    instant, _, name = place.partition(" ")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError as cause:
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor") from cause
    if not is_in_range(at) or not _NAME.fullmatch(name):
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return Place(at, name)


def _told(row: Row) -> Deed:
    """Return a command in the words that leave the house."""
    return Deed(
        at=row.place.at,
        key_id=row.by_key,
        merchant_id=None if row.owner == OPERATOR else row.owner,
        what=told_deed(row.what, row.resource),
        resource=row.resource,
    )
