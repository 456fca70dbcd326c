"""Where a page of a list starts: the place that the page before it handed out."""

from typing import Final

from cashback.kernel.page import CursorInvalid

POSITION_DIGITS_MAX: Final = 18


def position_of(place: str) -> int:
    """Return the position that a place stands for.

    Raises:
        CursorInvalid: the text is no position.
    """
    if not place.isdecimal() or not place.isascii() or len(place) > POSITION_DIGITS_MAX:
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return int(place)
