"""Cursors of filtered lists go with their filters, and periods lie the right way round."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cashback.kernel.http import Terms, expanded, period
from cashback.kernel.http.parameters import ParameterInvalid
from cashback.kernel.listing import Order, Period, bound, id_place, place_within
from cashback.kernel.page import CursorInvalid, cursor_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def cursor_under(place: str, terms: dict[str, object]) -> str:
    """Return the cursor of a page that ended at a place."""
    kept = bound(place, terms)
    assert kept is not None
    return cursor_of(kept)


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"in_force": None},
        {"in_force": False},
        {"list": "purchases", "order": Order.ASC, "filter": Period(since=AT)},
    ],
)
def test_a_cursor_goes_on_under_the_terms_of_its_page(terms: dict[str, object]) -> None:
    """And the last page has none."""
    assert place_within(cursor_under("pur_1", terms), terms) == "pur_1"
    assert place_within(None, terms) is None
    assert bound(None, terms) is None


def test_a_cursor_goes_on_under_no_other_terms() -> None:
    """Another filter, another order, another list, or none at all: neither way."""
    several: list[dict[str, object]] = [
        {},
        {"in_force": True},
        {"in_force": False},
        {"list": "purchases", "order": Order.ASC},
        {"list": "purchases", "order": Order.DESC},
        {"list": "refunds", "order": Order.DESC},
        {"list": "purchases", "order": Order.DESC, "filter": Period(since=AT)},
        {"list": "purchases", "order": Order.DESC, "filter": Period(until=AT)},
    ]
    for mine in several:
        for other in several:
            if mine is not other:
                with pytest.raises(CursorInvalid):
                    place_within(cursor_under("pur_1", mine), other)


def test_a_list_has_cursors_of_its_own_by_its_name() -> None:
    """With filters and without."""
    mine = Terms.of("seals", of=None)
    cursor = cursor_of(mine.bound("1") or "")
    assert Terms.of("seals").place(cursor) == "1"
    for other in (Terms.of("mints"), Terms.of("seals", of="one"), Terms(asked={})):
        with pytest.raises(CursorInvalid):
            other.place(cursor)


def test_what_is_not_asked_for_is_no_term() -> None:
    """A filter that a later release brings leaves the cursors of whoever does not ask for it."""
    assert bound("prg_1", {"in_force": None}) == bound("prg_1", {})
    with pytest.raises(CursorInvalid):
        place_within(cursor_of("prg_1"), {"in_force": None})


def test_a_filter_may_have_any_name() -> None:
    """Also those that the list's own is kept under, or told by."""
    several = [Terms.of("merchants"), Terms.of("merchants", name="a"), Terms.of("merchants", list="users")]
    assert [terms.asked["list"] for terms in several] == ["merchants"] * 3
    assert several[0].bound("1") != several[1].bound("1")


def test_a_place_that_is_an_id_is_one_of_its_kind() -> None:
    """Nothing else was ever handed out."""
    for place in ("", "1", "pur_1", "usr_01m8cckwk9eyhsw6t8jg9vt81d"):
        with pytest.raises(CursorInvalid):
            id_place(place, "pur")
    assert id_place("pur_01m8cckwk9eyhsw6t8jg9vt81d", "pur") == "pur_01m8cckwk9eyhsw6t8jg9vt81d"
    assert id_place(None, "pur") is None


def test_one_instant_has_one_cursor_whatever_its_offset() -> None:
    """14:00 in one zone is 12:00 in another."""
    elsewhere = AT.astimezone(timezone(timedelta(hours=2)))
    one, other = [period("received", since=at, until=None) for at in (AT, elsewhere)]
    assert one == other == Period(since=AT)
    terms = [Terms(asked={"filter": asked}) for asked in (one, other)]
    assert terms[0].bound("1") == terms[1].bound("1")


@pytest.mark.parametrize(
    "since,until,parameter",
    [
        (AT, AT, "received_to"),
        (AT, AT - timedelta(seconds=1), "received_to"),
        (AT.replace(tzinfo=None), None, "received_from"),
        (None, AT.replace(tzinfo=None), "received_to"),
        (AT.replace(year=1899), None, "received_from"),
    ],
)
def test_a_period_that_is_none_is_refused_at_its_place(since: datetime, until: datetime, parameter: str) -> None:
    """It would be an empty list, and nobody would know why."""
    with pytest.raises(ParameterInvalid) as refused:
        period("received", since=since, until=until)
    assert refused.value.fields == {"parameter": parameter}


def test_what_is_expanded_is_named_by_commas() -> None:
    """Each may be named, in any order; what is not there is refused with what is."""
    known = ("cashback", "refunds")
    assert expanded(None, known=known) == frozenset()
    assert expanded("refunds,cashback", known=known) == {"refunds", "cashback"}
    for text in ("", "refund", "cashback,", "cashback, refunds"):
        with pytest.raises(ParameterInvalid, match="cashback, refunds"):
            expanded(text, known=known)
