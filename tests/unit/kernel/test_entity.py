"""Entity tags: one for each edition, whoever made it, and what moves by itself told apart."""

import re
from datetime import UTC, datetime, timedelta, timezone

import msgspec

from cashback.kernel.entity import TAG_PATTERN, is_same_edition, tag_of
from cashback.kernel.http.entity import tagged


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is edited."""

    name: str
    owners: tuple[str, ...] = ()
    at: datetime = datetime(2026, 3, 1, tzinfo=UTC)
    failing_since: datetime | None = None


MOVING = ("failing_since",)
ONE = Shop(name="Corner")
OTHER = Shop(name="Comer")
FAILING = Shop(name="Corner", failing_since=datetime(2026, 3, 2, tzinfo=UTC))


def test_a_tag_stands_for_every_member_and_for_nothing_else() -> None:
    """Another name, another order of owners: another tag; made anew of its own JSON: the same."""
    assert re.search(TAG_PATTERN, tag_of(ONE))
    assert msgspec.json.decode(msgspec.json.encode(ONE), type=Shop) == ONE
    assert tag_of(msgspec.json.decode(msgspec.json.encode(ONE), type=Shop)) == tag_of(ONE)
    several = {tag_of(shop) for shop in (ONE, OTHER, FAILING, Shop(name="Corner", owners=("a", "b")))}
    assert len(several | {tag_of(Shop(name="Corner", owners=("b", "a")))}) == 5


def test_an_instant_is_told_in_utc_and_so_it_is_tagged() -> None:
    """Answers are in UTC: the same instant by another offset would be another text, and another tag."""
    elsewhere = Shop(name="Corner", at=ONE.at.astimezone(timezone(timedelta(hours=2))))
    assert tag_of(elsewhere) != tag_of(ONE)


def test_what_moves_makes_another_tag_of_the_same_edition() -> None:
    """And what people set makes another edition, whether anything has moved or not."""
    tags = [tag_of(shop, moving=MOVING) for shop in (ONE, FAILING, OTHER)]
    assert all(re.search(TAG_PATTERN, tag) for tag in tags)
    assert len(set(tags)) == 3
    assert [is_same_edition(tags[0], tag) for tag in tags] == [True, True, False]
    assert not is_same_edition(tag_of(ONE), tag_of(OTHER))


def test_who_holds_it_is_told_the_tag_alone() -> None:
    """By the weak comparison (RFC 9110, section 13.1.2): one of a list, weak or strong, or anything at all."""
    tag = tag_of(ONE)
    for held, status in (
        (tag, 304),
        (f'"x", W/{tag}', 304),
        ("*", 304),
        (None, 200),
        ("", 200),
        ('"x"', 200),
        (tag.strip('"'), 200),
        (tag.replace('"', '"x', 1), 200),
        ('"*"', 200),
    ):
        response = tagged(ONE, tag, held)
        told = (response.status_code or 200, response.headers["ETag"], response.content)
        assert told == (status, tag, None if status == 304 else ONE), held
