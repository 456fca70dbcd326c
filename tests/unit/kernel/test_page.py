"""Cursors say where a page begins, to us alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.page import CursorInvalid, cursor_of, place_of


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=50))
def test_a_cursor_leads_back_to_its_place(place: str) -> None:
    """And needs no escaping in a query."""
    cursor = cursor_of(place)
    assert place_of(cursor) == place
    assert cursor == "" or cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=50))
def test_what_is_no_cursor_is_refused_and_nothing_else_is_raised(text: str) -> None:
    """A text stands for a place or is refused; no two texts stand for the same one."""
    try:
        place = place_of(text)
    except CursorInvalid:
        return
    assert place is not None
    assert cursor_of(place) == text


def test_no_cursor_is_the_beginning() -> None:
    """The first page needs none."""
    assert place_of(None) is None


@pytest.mark.parametrize("cursor", ["!", "a", "MQ=", "MQ==", "M Q", "é", "_w", cursor_of("a\0b"), cursor_of("1\n")])
def test_only_our_own_spelling_is_a_cursor(cursor: str) -> None:
    """The decoder of base 64 would let much more pass, and no place of ours has what nobody can print."""
    with pytest.raises(CursorInvalid) as refused:
        place_of(cursor)
    assert refused.value.fields == {"parameter": "cursor"}
