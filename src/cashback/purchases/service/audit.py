"""The log of who did what, the last first: each page looks at a bounded part of a window that is bounded itself.

It is the table of idempotency keys, read by time: what is not written there was not done, and nothing of it that says
who did what is ever changed or taken away.

A page ends where it has looked, be that at another's command: the place is sealed, so that nobody learns of it when
that was, or by which key.
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.page import CursorInvalid
from cashback.kernel.sealing import Seal
from cashback.purchases.model import OPERATOR, ApiKeyUnknown
from cashback.purchases.model.audit import WINDOW_MAX, Deed, WindowInvalid
from cashback.purchases.rules import rate_named, told_deed, told_resource
from cashback.purchases.store import api_keys
from cashback.purchases.store import audit as store
from cashback.purchases.store.audit import Place, Row, Wanted

LOOKED_AT_MAX: Final = 10_000
"""So many commands one page looks at: what is rare is found in several pages, some of them empty."""

PURPOSE: Final = "places in the log of who did what"
"""What its seal is for, among all that a secret may be used for."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = struct.Struct(">q32s")
"""Microseconds since then, and the hash that tells commands of one instant apart."""


class AuditLog:
    """Tells who did what; nothing is changed."""

    def __init__(self, database: Database, *, clock: Clock, seal: Seal, looked_at_max: int = LOOKED_AT_MAX) -> None:
        """Read from `database`; processes that answer in turns have one `seal`."""
        self._database = database
        self._clock = clock
        self._seal = seal
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
            ApiKeyUnknown: there is no key of that id, or it is another merchant's.
            WindowInvalid: it is empty, too long, or an end of it is no instant.
            CursorInvalid: the place is none of ours.
        """
        start, end = self._window(since, until)
        first = Place(end, "")
        # Without an end the window ends now, which may lie before the place where the clock was set back.
        before = first if place is None else min(self._opened(place), first, key=lambda one: (one.at, one.name))
        rate = None if resource is None else rate_named(resource)
        wanted = Wanted(
            since=start,
            owner=merchant_id,
            by_key=key_id,
            resource=resource,
            pair=None if rate is None else rate.pair,
            as_of=None if rate is None else rate.as_of,
        )
        async with self._database.transaction() as tx:
            if key_id is not None:
                await _must_be_seen(tx, key_id, merchant_id=merchant_id)
            found, behind = await store.page(
                tx, wanted, before=before, looked_at_max=self._looked_at_max, limit=limit + 1
            )
        following = found[limit - 1].place if len(found) > limit else behind
        return [_told(row) for row in found[:limit]], None if following is None else self._closed(following)

    def _closed(self, place: Place) -> str:
        """Return a place as it leaves the house."""
        return self._seal.close(
            _PLACE.pack((place.at - _EPOCH) // timedelta(microseconds=1), bytes.fromhex(place.name))
        )

    def _opened(self, place: str) -> Place:
        """Return the place that a page starts behind.

        Raises:
            CursorInvalid: the text is no place of ours.
        """
        content = self._seal.open(place)
        if content is None or len(content) != _PLACE.size:
            raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
        microseconds, name = _PLACE.unpack(content)
        return Place(_EPOCH + timedelta(microseconds=microseconds), name.hex())

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


async def _must_be_seen(tx: Tx, key_id: str, *, merchant_id: str | None) -> None:
    """Return when there is such an API key, and of that merchant unless it is None; none is ever taken away.

    Raises:
        ApiKeyUnknown: there is none.
    """
    found = await api_keys.read(tx, key_id)
    if found is None or merchant_id not in {None, found.key.merchant_id}:
        raise ApiKeyUnknown("there is no such API key", parameter="key_id")


def _told(row: Row) -> Deed:
    """Return a command in the words that leave the house."""
    return Deed(
        at=row.place.at,
        key_id=row.by_key,
        merchant_id=None if row.owner == OPERATOR else row.owner,
        what=told_deed(row.what, row.resource),
        resource=told_resource(row.what, row.resource),
    )
