"""Lists that people filter and sort: what is asked for, and cursors that go with that alone."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import msgspec

from cashback.kernel.ids import is_id
from cashback.kernel.page import CursorInvalid, place_of

_MARK_LENGTH: Final = 16
"""So many hexadecimal digits tell the filters of one list from those of another: a cursor is no secret."""


class Order(StrEnum):
    """By which end a list begins: its oldest item, or its newest."""

    ASC = "asc"
    DESC = "desc"


class Period(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From one instant on and before another; without one of them it has no such end."""

    since: datetime | None = None
    until: datetime | None = None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is asked for: at most `limit` items behind `place`, or from the list's beginning."""

    order: Order
    place: str | None
    limit: int


def bound(place: str | None, terms: Mapping[str, object]) -> str | None:
    """Return a place as the cursor of a list names it that was asked for under these terms; those of None are none."""
    return None if place is None else f"{_mark(terms)}{place}"


def place_within(cursor: str | None, terms: Mapping[str, object]) -> str | None:
    """Return the place that a cursor stands for in a list under these terms; None starts at the beginning.

    Raises:
        CursorInvalid: it is no cursor of ours, or of another list than this one.
    """
    place = place_of(cursor)
    if place is None:
        return None
    mark = _mark(terms)
    if not place.startswith(mark):
        raise CursorInvalid("this cursor is of another list, or of other filters", parameter="cursor")
    return place.removeprefix(mark)


def id_place(place: str | None, prefix: str) -> str | None:
    """Return a place that an id of the kind `prefix` is.

    Raises:
        CursorInvalid: it is none.
    """
    if place is not None and not is_id(place, prefix):
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return place


def _mark(terms: Mapping[str, object]) -> str:
    """Return what a place begins with under these terms."""
    asked: dict[str, Any] = {name: value for name, value in terms.items() if value is not None}
    return f"{sha256(msgspec.json.encode(asked, order='deterministic')).hexdigest()[:_MARK_LENGTH]}:"
