"""What happened, as whoever it concerns reads it: a merchant its own, the operator everything."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from cashback.kernel.db import Database
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.page import PAGE_MAX, CursorInvalid
from cashback.webhooks.model import EventsWanted, EventUnknown, Happening, SpanInvalid, TypesInvalid
from cashback.webhooks.store import events as store

AMONG_MAX: Final = 10_000
"""So many events are looked through for a page of one type; it may be short, and still tell where to go on."""


class EventLog:
    """The log of events, newest first; a single one is `seen_by` the merchant who asks, None an operator."""

    def __init__(self, database: Database, *, types: Collection[str]) -> None:
        """Read `database`; `types` are those that there are."""
        self._database = database
        self._types = types

    async def page(
        self, wanted: EventsWanted, *, place: str | None = None, limit: int = PAGE_MAX
    ) -> tuple[list[Happening], str | None]:
        """Return a page of events by when they happened, and where the next one begins.

        Of one type a page may have fewer than there are left, even none: it goes on all the same.

        Raises:
            TypesInvalid: there is no such type.
            SpanInvalid: a span ends before it begins, or an instant lacks its offset.
            CursorInvalid: `place` is none of ours.
        """
        self._check(wanted)
        before, most = _place(place), min(limit, PAGE_MAX)
        last: store.Place | None = None
        is_all = wanted.type is None
        async with self._database.transaction() as tx:
            if not is_all:
                await store.see_one_moment(tx)
            found = await store.page(tx, wanted, before=before, among=most + 1 if is_all else AMONG_MAX, limit=most + 1)
            if len(found) <= most and not is_all:
                last = await store.last_among(tx, wanted, before=before, among=AMONG_MAX)
        kept = found[:most]
        if len(found) > most:
            last = (kept[-1].occurred_at, kept[-1].event_id)
        return kept, None if last is None else f"{last[0].isoformat()} {last[1]}"

    async def event(self, event_id: str, *, seen_by: str | None) -> Happening:
        """Return an event.

        Raises:
            EventUnknown: there is none such, or no more, or it is another merchant's.
        """
        async with self._database.transaction() as tx:
            found = await store.read(tx, event_id)
        if found is None or seen_by not in {None, found.merchant_id}:
            raise EventUnknown("there is no such event, or no more", parameter="event_id")
        return found

    def _check(self, wanted: EventsWanted) -> None:
        """Return where there can be such events.

        Raises:
            TypesInvalid: there is no such type; those that there are it names.
            SpanInvalid: a span ends before it begins, or an instant lacks its offset.
        """
        if wanted.type is not None and wanted.type not in self._types:
            known = ", ".join(sorted(self._types))
            raise TypesInvalid(f"there is no such type of event, but {known}", parameter="type")
        for name, instant in (("since", wanted.since), ("until", wanted.until)):
            if instant is not None and not is_in_range(instant):
                raise SpanInvalid(WANTED, parameter=name)
        if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
            raise SpanInvalid("a span ends after its start", parameter="until")


def _place(place: str | None) -> store.Place | None:
    """Return the place that a page begins behind.

    Raises:
        CursorInvalid: the text is no place of ours.
    """
    if place is None:
        return None
    instant, _, event_id = place.partition(" ")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError as cause:
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor") from cause
    if not event_id or not is_in_range(at):
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return at, event_id
