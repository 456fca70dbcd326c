"""A body tells of everything that is wrong with it: each place once, in its own order, in the decoder's words."""

from datetime import datetime
from time import process_time
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.http.body import BodyInvalid, JsonMemberRepeated, decode_body
from cashback.kernel.http.contents import pointer_of
from cashback.kernel.http.faults import fault_told, faults_of
from cashback.kernel.http.nesting import depth_of
from cashback.kernel.http.repeated import is_each_named_once, named_twice
from cashback.kernel.mistakes import MISTAKES_MAX, Mistake, mistakes_of
from cashback.kernel.money import Amount


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of an order."""

    count: Annotated[int, msgspec.Meta(ge=1)]
    tags: dict[str, int] = {}


class Card(msgspec.Struct, frozen=True, tag_field="kind", tag="card", forbid_unknown_fields=True):
    """One way to pay."""

    number: str


class Cash(msgspec.Struct, frozen=True, tag_field="kind", tag="cash", forbid_unknown_fields=True):
    """Another one."""

    coins: tuple[int, Literal["EUR", "USD"]]


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body with all that a body may have."""

    id: str
    amount: Amount
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    lines: Annotated[list[Line], msgspec.Meta(max_length=1_000)] = []
    pays: Card | Cash | None = None
    parts: list["Order"] = []
    anything: dict[str, Any] = {}


def refused(body: bytes) -> list[Mistake]:
    """Return all mistakes of a body that is no order."""
    with pytest.raises((BodyInvalid, JsonMemberRepeated)) as caught:
        decode_body(body, Order)
    return mistakes_of(caught.value)


def places(document: object) -> list[str | None]:
    """Return the places that are told of a document that is no order."""
    return [mistake.pointer for mistake in refused(msgspec.json.encode(document))]


def test_a_body_with_five_faults_names_five_places() -> None:
    """Wrong, unknown and missing, deep and shallow; what is missing of an object comes last."""
    body = {
        "amount": 5,
        "lines": [{"count": 1}, {"count": 0, "tags": {"a": "x", "b": 2}}],
        "colour": "red",
        "at": "tomorrow",
    }
    assert places(body) == ["/amount", "/lines/1/count", "/lines/1/tags/a", "/colour", "/at", "/id"]


def test_each_is_told_as_it_would_be_alone() -> None:
    """In the same words, whatever stands beside it."""
    alone = refused(b'{"id": "x", "amount": 5}') + refused(b'{"amount": "5"}') + refused(b'{"id":"x","amount":"1.5"}')
    together = refused(b'{"amount": 5, "parts": [{"id": "x", "amount": "1.5"}]}')
    assert [one.detail for one in together] == [alone[0].detail, alone[2].detail, alone[1].detail]
    assert [one.code for one in together] == ["request_invalid"] * 3
    assert alone[2].detail.startswith("amount must be a whole number")


def test_one_fault_alone_is_the_problem_itself() -> None:
    """There are no `errors` where the problem says all there is."""
    with pytest.raises(BodyInvalid) as caught:
        decode_body(b'{"id": "x", "amount": 5}', Order)
    assert caught.value.fields == {"pointer": "/amount"}


@pytest.mark.parametrize(
    "pays,expected",
    [
        pytest.param({"kind": "card", "number": 1, "x": 2}, ["/pays/number", "/pays/x"], id="of-the-tag"),
        pytest.param({"kind": "cash", "coins": ["1", "GBP"]}, ["/pays/coins/0", "/pays/coins/1"], id="tuple"),
        pytest.param({"kind": "cash", "coins": [1]}, ["/pays/coins"], id="short-tuple"),
        pytest.param({"kind": "cheque"}, ["/pays/kind"], id="unknown-tag"),
        pytest.param({"number": 1}, ["/pays/kind"], id="no-tag"),
        pytest.param([], ["/pays"], id="no-object"),
        pytest.param("cash", ["/pays"], id="text"),
    ],
)
def test_of_several_forms_it_is_the_one_that_is_meant(pays: object, expected: list[str]) -> None:
    """Which form an object should have its tag says; without a known one that is the fault."""
    assert places({"amount": 5, "pays": pays, "id": "x"}) == ["/amount", *expected]


def test_what_cannot_be_stored_stands_beside_what_has_another_form() -> None:
    """Instants out of range where they stand, and texts with U+0000 at the end, each place once."""
    body = {"at": "0001-01-01T00:00:00+14:00", "amount": "a\0", "anything": {"a\0": "b", "c": ["\0"]}, "id": "x"}
    assert places(body) == ["/at", "/amount", "/anything/a\0", "/anything/c/0"]
    sound = body | {"amount": "5", "id": "\0"}
    assert places(sound) == ["/anything/a\0", "/anything/c/0", "/id", "/at"]


def test_no_more_are_told_than_anybody_reads() -> None:
    """Twenty of a thousand."""
    lines = [{"count": 0}] * 1_000
    assert places({"lines": lines}) == [f"/lines/{place}/count" for place in range(MISTAKES_MAX)]


def test_a_member_that_is_named_twice_hides_nothing() -> None:
    """Each is told, from the outside in, then what else is wrong; as it would be alone."""
    body = b'{"amount": 5, "colour": "red", "amount": "5", "shape": 1, "id": "x", "colour": 2, "lines": [{"count": 1}, '
    body += b'{"count": 2, "tags": {"a": 1, "a": 2}, "count": 0}], "parts": [{"id": "y", "id": "z"}]}'
    told = [(mistake.code, mistake.pointer) for mistake in refused(body)]
    assert told == [
        *(("json_member_repeated", place) for place in ("/amount", "/colour")),
        *(("json_member_repeated", place) for place in ("/lines/1/count", "/lines/1/tags/a", "/parts/0/id")),
        *(("request_invalid", place) for place in ("/colour", "/shape", "/lines/1/count", "/parts/0/amount")),
    ]
    [twice, invalid] = refused(b'{"amount": 5, "amount": "5", "id": "x"}')
    assert (twice.code, twice.pointer, twice.detail) == (
        "json_member_repeated",
        "/amount",
        "the body names the member amount twice",
    )
    assert (invalid.code, invalid.pointer) == ("request_invalid", "/amount")


def test_what_is_named_twice_stands_beside_what_cannot_be_stored() -> None:
    """Though the form is sound: all is told at once."""
    body = b'{"id": "a\\u0000", "amount": "5", "amount": "6", "at": "0001-01-01T00:00:00+14:00"}'
    assert [(mistake.code, mistake.pointer) for mistake in refused(body)] == [
        ("json_member_repeated", "/amount"),
        ("request_invalid", "/id"),
        ("request_invalid", "/at"),
    ]


def test_what_is_named_twice_far_below_is_refused_all_the_same() -> None:
    """Without its place: nothing that nests so deep is gone through."""
    deep = b'{"id": "x", "amount": "5", "anything": {"a": %s{"b": 1, "b": 2}%s}}' % (b"[" * 70, b"]" * 70)
    [mistake] = refused(deep)
    assert (mistake.code, mistake.pointer) == ("json_member_repeated", None)
    assert mistake.detail == "the body names a member of an object twice"


def test_of_what_is_named_twice_no_more_is_told_than_anybody_reads() -> None:
    """Twenty of a thousand, and nothing of a name without end but its beginning."""
    many = b", ".join(b'"%d": 0, "%d": 1' % (number, number) for number in range(1_000))
    assert len(refused(b'{"id": "x", "amount": "5", "anything": {%s}}' % many)) == MISTAKES_MAX
    endless = b"x" * 60_000
    [mistake] = refused(b'{"id": "x", "amount": "5", "anything": {"%s": 1, "%s": 2}}' % (endless, endless))
    assert (len(mistake.detail) < 400, mistake.pointer) == (True, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "5", "cash", "2026-01-01T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "amount", "at", "lines", "pays", "parts", "count", "tags", "kind", "coins", "y"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_nothing_is_named_twice_in_what_was_written_by_a_program(document: object) -> None:
    """Whatever the document; and each is that is said twice."""
    text = msgspec.json.encode(document).decode()
    assert (is_each_named_once(text), list(named_twice(text))) == (True, [])
    twice = f'{{"x": {text}, "y": [{{"x": {text}}}], "x": 1}}'
    assert (is_each_named_once(twice), list(named_twice(twice))) == (False, [("x",)])


@given(JSON)
def test_the_first_place_is_the_decoders_own(document: object) -> None:
    """Whatever the document: what is told beside it takes nothing away, and a sound one has no fault at all."""
    body = msgspec.json.encode(document)
    faults = list(faults_of(document, Order, called="the body"))
    try:
        msgspec.json.decode(body, type=Order)
    except msgspec.ValidationError as error:
        assert faults
        path = str(error).partition(" - at `$")[2].rstrip("`").partition("[...")[0]
        assert pointer_of(faults[0][0]).startswith(path.replace(".", "/").replace("[", "/").replace("]", ""))
    else:
        assert faults == []
    assert len({place for place, _ in faults}) == len(faults)


@pytest.mark.parametrize(
    "body,depth",
    [
        (b"", 0),
        (b"[]", 1),
        (b'{"a": [{}, [[]]]}', 4),
        (b'"[[[["', 0),
        (b'["\\"[[", "\\\\"]', 1),
        (b'["]]]]", [[', 3),
        (b'"[[ and no end', 0),
        (b'["\\', 1),
    ],
)
def test_brackets_are_counted_as_deep_as_they_are(body: bytes, depth: int) -> None:
    """Those within texts are letters; what is no JSON has some depth as well."""
    assert depth_of(body) == depth


def test_places_are_looked_for_among_few_of_many_objects() -> None:
    """In a body of 100,000 lines it takes not much longer to find what is named twice than that something is."""
    lines = ", ".join(['{"count": 1, "tags": {}}'] * 100_000)
    text = f'{{"lines": [{lines}], "id": "x", "id": "y"}}'
    begun_s = process_time()
    assert not is_each_named_once(text)
    looked_s = process_time() - begun_s
    assert list(named_twice(text)) == [("id",)]
    assert process_time() - begun_s - looked_s < 5 * looked_s


def test_nothing_is_gone_through_of_a_large_body_that_names_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is wrong with it: only somebody who named something twice is told where."""
    monkeypatch.setattr("cashback.kernel.http.body.named_twice", None)
    assert places({"id": 1, "amount": "5"}) == ["/id"]


def test_a_name_that_reads_like_a_place_is_none() -> None:
    """However many digits it has: a number of them is no index, and Python reads no longer ones."""
    message = f"Object contains unknown field `a - at `$[{'9' * 5_000}]`"
    assert fault_told(message, called="the body")[0] == ()
