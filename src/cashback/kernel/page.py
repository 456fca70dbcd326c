"""Pages of a list: bounded, continued by an opaque cursor."""

import base64
import binascii
from typing import Final, Generic, Self, TypeVar

import msgspec

from cashback.kernel.errors import Invalid
from cashback.kernel.money import INT63_MAX

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
CURSOR_LENGTH_MAX: Final = 200

T = TypeVar("T")


class CursorInvalid(Invalid):
    """A list cannot be continued there: the cursor, or the place in it, was not handed out by us."""

    code = "cursor_invalid"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(cls, items: list[T], place: str | None) -> Self:
        """Return the page of these items; the next one starts after `place`, without which this is the last."""
        return cls(items=items, next_cursor=None if place is None else cursor_of(place))


def cursor_of(place: str) -> str:
    """Return an opaque cursor for the place after which the next page starts."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> str | None:
    """Return the place a cursor stands for; None starts at the beginning.

    Raises:
        CursorInvalid: it is no cursor of ours.
    """
    if cursor is None:
        return None
    try:
        place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as cause:
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor") from cause
    # The decoder skips what it does not know: only what we would write ourselves is ours, and no place is unprintable.
    if cursor_of(place) != cursor or not place.isprintable():
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return place


def number_of(place: str | None, *, first: int) -> int:
    """Return the number that a place in a list stands for, `first` without one.

    Raises:
        CursorInvalid: the text is no number of ours.
    """
    if place is None:
        return first
    if not (place.isascii() and place.isdigit() and len(place) <= len(str(INT63_MAX)) and int(place) <= INT63_MAX):
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return int(place)
