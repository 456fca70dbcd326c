"""A body is decoded strictly, and what is wrong with it is named by a JSON pointer (RFC 6901)."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.http.body import BodyInvalid, JsonMemberRepeated, decode_body
from cashback.kernel.http.broken_bodies import JsonMalformed
from cashback.kernel.money import Amount

PARTS: Final = [
    *(bytes([sign]) for sign in b"{}[],:"),
    b'"amount"',
    b'"lines"',
    b'"x"',
    b"1e999",
    b"-1",
    b"null",
    b"oops",
]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of an order."""

    count: int
    tags: dict[str, int] = {}


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body whose instants lie deep, and which may hold others of its kind."""

    windows: dict[str, list[tuple[datetime, datetime | None]]] = {}
    parts: list["Plan"] = []
    anything: dict[str, Any] = {}


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body with something in it."""

    amount: Amount = "0"
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    lines: list[Line] = []


@pytest.mark.parametrize(
    "body,pointer",
    [
        pytest.param(b"[]", "", id="the-whole"),
        pytest.param(b'{"amount": 5}', "/amount", id="field"),
        pytest.param(b'{"amount": "5 - at `$.lines[0]`"}', "/amount", id="value-that-looks-like-a-place"),
        pytest.param(b'{"lines": {}}', "/lines", id="list"),
        pytest.param(b'{"lines": [{"count": 1}, {"count": "2"}]}', "/lines/1/count", id="field-of-an-item"),
        pytest.param(b'{"lines": [7]}', "/lines/0", id="item"),
        pytest.param(b'{"lines": [{}]}', "/lines/0/count", id="missing-in-an-item"),
        pytest.param(b'{"lines": [{"count": 1, "x": 2}]}', "/lines/0/x", id="unknown-in-an-item"),
        pytest.param(b'{"a/b": 1}', "/a~1b", id="slash"),
        pytest.param(b'{"a~b": 1}', "/a~0b", id="tilde"),
        pytest.param(b'{"~1": 1}', "/~01", id="looks-escaped"),
        pytest.param(b'{"": 1}', "/", id="nameless-field"),
        pytest.param(b'{"a\\nb": 1}', "/a\nb", id="line-feed"),
        pytest.param(b'{"at": "2026-01-01T00:00:00"}', "/at", id="naive-time"),
        pytest.param(b'{"at": 1767225600}', "/at", id="time-as-a-number"),
    ],
)
def test_the_pointer_names_the_place(body: bytes, pointer: str) -> None:
    """Missing and unknown fields are pointed at as if they were there and known."""
    with pytest.raises(BodyInvalid) as refused:
        decode_body(body, Order)
    assert refused.value.fields == {"pointer": pointer}
    assert " - at `" not in refused.value.detail


@pytest.mark.parametrize(
    "body,pointer",
    [
        pytest.param(b'{"amount": "100", "amount": "5"}', "/amount", id="twice"),
        pytest.param(b'{"amount": "5", "amount": "5", "amount": "5"}', "/amount", id="the-same-three-times"),
        pytest.param(b'{"am\\u006funt": "100", "amount": "5"}', "/amount", id="escaped"),
        pytest.param(b'{"lines": [{"count": 1}, {"count": 1, "count": 2}]}', "/lines/1/count", id="in-an-item"),
        pytest.param(b'{"lines": [{"count": 1, "tags": {"a/b": 1, "a/b": 2}}]}', "/lines/0/tags/a~1b", id="in-a-map"),
    ],
)
def test_a_member_that_is_named_twice_is_refused(body: bytes, pointer: str) -> None:
    """RFC 8259, section 4: what a reader makes of it is unpredictable, and one of the two amounts is wrong."""
    with pytest.raises(JsonMemberRepeated) as refused:
        decode_body(body, Order)
    assert refused.value.fields == {"pointer": pointer}


def test_the_same_name_in_two_objects_is_no_repetition() -> None:
    """Nor is a value that looks like a name."""
    body = b'{"lines": [{"count": 1, "tags": {"count": 2}}, {"count": 123456789012345678}]}'
    assert decode_body(body, Order).lines[1].count == 123456789012345678


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"x": "\xff"}', id="value-of-an-unknown-field"),
        pytest.param(b'{"\xff": 1}', id="name"),
        pytest.param(b'{"x": 1', id="cut-off-after-it"),
        pytest.param(b'{"amount": 5}{}', id="two-documents"),
        pytest.param(b'{"amount":1e999', id="cut-off-after-a-number-beyond-any-range"),
        pytest.param(b'{"x":1e999, oops', id="stray-words-after-one"),
        pytest.param(b'{"amount":1e999}}', id="a-bracket-too-many-after-one"),
        pytest.param(b"[1e999", id="list-cut-off-after-one"),
    ],
)
def test_what_is_no_json_is_malformed_even_behind_another_fault(body: bytes) -> None:
    """A field that nobody knows does not make text of it."""
    with pytest.raises(JsonMalformed):
        decode_body(body, Order)


@pytest.mark.parametrize("amount", ["-1", "19.99", "", "1\n"])
def test_a_pattern_is_told_in_words(amount: str) -> None:
    """Nobody has to read a regular expression to learn what an amount is."""
    with pytest.raises(BodyInvalid) as refused:
        decode_body(msgspec.json.encode({"amount": amount}), Order)
    assert refused.value.detail.startswith("amount must be a whole number of minor units")
    assert "regex" not in refused.value.detail


def test_what_a_stranger_wrote_is_told_back_in_moderation() -> None:
    """A field's name of sixty thousand letters is not repeated to its author."""
    with pytest.raises(BodyInvalid) as refused:
        decode_body(b'{"%s": 1}' % (b"x" * 60_000), Order)
    assert len(refused.value.detail) <= 300
    assert refused.value.fields == {}


@given(st.binary(max_size=200) | st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join))
def test_no_bytes_whatever_break_the_decoder(body: bytes) -> None:
    """An order, or one of the refusals; what comes near to JSON gets further than what does not."""
    try:
        assert isinstance(decode_body(body, Order), Order)
    except (BodyInvalid, JsonMalformed, JsonMemberRepeated):
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_whatever_breaks_the_decoder(document: object) -> None:
    """Well-formed JSON is never called malformed."""
    try:
        assert isinstance(decode_body(msgspec.json.encode(document), Order), Order)
    except BodyInvalid as refused:
        pointer = refused.fields.get("pointer", "")
        assert pointer == "" or str(pointer).startswith("/")


def test_nesting_without_end_is_refused() -> None:
    """However deep, it is a wrong type where it begins."""
    with pytest.raises((BodyInvalid, JsonMalformed)):
        decode_body(b'{"lines": ' + b"[" * 60_000, Order)
    with pytest.raises((BodyInvalid, JsonMalformed)):
        decode_body(b"[" * 60_000, dict)


@pytest.mark.parametrize(
    "body,pointer",
    [
        pytest.param(b'{"windows": {"a/b": [["9999-12-31T23:59:59-05:00", null]]}}', "/windows/a~1b/0/0", id="late"),
        pytest.param(
            b'{"parts": [{}, {"windows": {"x": [["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]]}}]}',
            "/parts/1/windows/x/0/1",
            id="early",
        ),
        pytest.param(b'{"anything": {"x": ["a", "\\u0000"]}}', "/anything/x/1", id="nul-in-a-value"),
        pytest.param(b'{"anything": {"a\\u0000b": 1}}', "/anything/a\0b", id="nul-in-a-name"),
    ],
)
def test_what_cannot_be_stored_and_read_again_is_pointed_at(body: bytes, pointer: str) -> None:
    """However deep it lies, and whatever the form allows."""
    with pytest.raises(BodyInvalid) as refused:
        decode_body(body, Plan)
    assert refused.value.fields == {"pointer": pointer}


@pytest.mark.parametrize(
    "body",
    [
        b'{"windows": {"x": [["1900-01-01T00:00:00Z", "9999-01-01T00:00:00Z"]]}}',
        b'{"windows": {"x": [["1900-01-01T14:00:00+14:00", "9998-12-31T23:00:00-01:00"]]}}',
        b'{"anything": {"x": "\\\\u0000"}}',
    ],
)
def test_what_can_be_stored_is_taken(body: bytes) -> None:
    """Both ends of the range, by whatever clock; and a backslash before letters that only look like an escape."""
    assert isinstance(decode_body(body, Plan), Plan)


@pytest.mark.parametrize(
    "body,words",
    [
        (b"{", "rules.json is not well-formed JSON in UTF-8"),
        (b'{"lines": [], "lines": []}', "rules.json names the member lines twice"),
        (b'{"amount": "01"}', "amount must be a whole number"),
        (b'{"count": 1, "\xff": 2}', "rules.json is not well-formed JSON in UTF-8"),
    ],
)
def test_who_reads_a_file_calls_it_by_its_name(body: bytes, words: str) -> None:
    """Nobody who names a file has sent a body."""
    with pytest.raises((BodyInvalid, JsonMalformed, JsonMemberRepeated)) as refused:
        decode_body(body, Order, called="rules.json")
    assert refused.value.detail.startswith(words)
    assert "the body" not in refused.value.detail
