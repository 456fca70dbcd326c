"""Texts of API keys: whose it is can be seen, and whatever is mistyped is noticed before anything is looked up."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.ids import new_id, new_secret
from cashback.purchases.rules import id_in_text, key_text

TEXTS = st.builds(
    lambda kind: key_text(new_id("key"), kind=kind, secret=new_secret()), st.sampled_from(["operator", "merchant"])
)
PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


@pytest.mark.parametrize("kind,beginning", [("operator", "cbk_op_"), ("merchant", "cbk_mer_")])
def test_a_text_says_whose_key_it_is_and_which(kind: str, beginning: str) -> None:
    """By a beginning that nothing else has, so that it is found where it was published by mistake."""
    key_id = new_id("key")
    text = key_text(key_id, kind=kind, secret=new_secret())
    assert re.fullmatch(beginning + r"[0-9a-z]{26}_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}", text)
    assert id_in_text(text) == key_id


@given(TEXTS, st.data())
def test_one_changed_character_is_always_noticed(text: str, data: st.DataObject) -> None:
    """Wherever it stands, and whatever it becomes."""
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(PRINTABLE.filter(lambda one: one != text[place]))
    assert id_in_text(text[:place] + other + text[place + 1 :]) is None


@given(TEXTS, st.data())
def test_what_is_cut_off_or_added_is_noticed(text: str, data: st.DataObject) -> None:
    """As happens to what is copied by hand."""
    assert id_in_text(text[: data.draw(st.integers(0, len(text) - 1))]) is None
    assert id_in_text(text + data.draw(PRINTABLE)) is None
    assert id_in_text(text + "\n") is None


@given(TEXTS, st.data())
def test_two_neighbours_in_each_others_place_are_noticed(text: str, data: st.DataObject) -> None:
    """As happens to what is typed."""
    place = data.draw(st.integers(0, len(text) - 2).filter(lambda one: text[one] != text[one + 1]))
    assert id_in_text(text[:place] + text[place + 1] + text[place] + text[place + 2 :]) is None


def test_keys_of_the_release_before_are_keys() -> None:
    """They have no checksum, and are looked up as ever."""
    key_id = new_id("key")
    assert id_in_text(f"{key_id}.{new_secret()}") == key_id
    for nonsense in ("", ".", "nonsense", key_id, f"{new_id('usr')}.x", "cbk_", f"cbk_op_{key_id[4:]}"):
        assert id_in_text(nonsense) is None
