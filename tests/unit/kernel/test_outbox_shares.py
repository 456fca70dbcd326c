"""How drainers share the lanes of an outbox, as pure decisions and as games of several that look in any order."""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from cashback.kernel.shares import Seat, wish

ROUNDS_MAX = 20


def seats(*holders: str | None, asked: dict[int, str] | None = None) -> list[Seat]:
    """Return lanes held like this, and who asks for which."""
    return [Seat(number, 0, 1, holder, (asked or {}).get(number)) for number, holder in enumerate(holders)]


def numbers(chosen: Sequence[Seat]) -> list[int]:
    """Return which lanes these are."""
    return [seat.partition for seat in chosen]


def test_whoever_is_alone_takes_every_free_lane() -> None:
    """There is nobody else to take one."""
    assert numbers(wish(seats(None, None, None, None), me="a").take) == [0, 1, 2, 3]


def test_a_lane_that_is_held_is_never_taken() -> None:
    """Only what nobody holds and nobody else was promised."""
    wished = wish(seats("b", None, "b", None, asked={3: "c"}), me="a")
    assert numbers(wished.take) == [1]
    assert wished.ask == ()


def test_of_the_lanes_of_one_that_died_each_takes_its_share() -> None:
    """Two are left of three: two lanes for each."""
    assert numbers(wish(seats(None, None, "a", "b"), me="a").take) == [0]
    assert numbers(wish(seats("a", None, "a", "b"), me="b").take) == [1]


def test_whoever_has_none_asks_the_one_with_most_for_half_of_the_difference() -> None:
    """And asks for nothing that somebody has asked for already."""
    assert numbers(wish(seats("a", "a", "a", "a"), me="b").ask) == [2, 3]
    assert numbers(wish(seats("a", "a", "a", "a", asked={2: "b", 3: "b"}), me="c").ask) == [1]
    assert wish(seats("a", "a", "b", "b", asked={1: "c"}), me="c").ask == ()


def test_a_lane_that_is_asked_for_is_given_and_taken_by_whoever_asked() -> None:
    """By nobody else, though it is free in between."""
    asked = seats("a", "a", "a", "a", asked={3: "b"})
    assert numbers(wish(asked, me="a").give) == [3]
    assert numbers(wish(asked, me="a").keep) == [0, 1, 2]
    given = seats("a", "a", "a", None, asked={3: "b"})
    assert numbers(wish(given, me="b").take) == [3]
    assert wish(given, me="a").take == wish(given, me="c").take == ()


@pytest.mark.parametrize("drainers", range(1, 7))
@pytest.mark.parametrize("seed", range(5))
def test_any_number_of_drainers_come_to_equal_shares_and_then_change_nothing(drainers: int, seed: int) -> None:
    """In whatever order they look, beginning with all lanes in one hand; those that are too many stand by."""
    chance = random.Random(seed)  # noqa: S311  # a game, and the same one each time
    names = [f"relay{number}" for number in range(drainers)]
    lanes = seats(*["relay0"] * 4)
    for _ in range(ROUNDS_MAX):
        for me in chance.sample(names, drainers):
            lanes = _after(lanes, me)
    shares = sorted((Counter(seat.holder for seat in lanes)[name] for name in names), reverse=True)
    assert sum(shares) == 4
    assert shares[0] - shares[-1] <= 1
    for me in names:
        wished = wish(lanes, me=me)
        assert (wished.give, wished.take, wished.ask) == ((), (), ())


def _after(lanes: Sequence[Seat], me: str) -> list[Seat]:
    """Return the lanes after `me` has done what it wishes."""
    wished = wish(lanes, me=me)
    changed = {
        **{seat.partition: msgspec.structs.replace(seat, holder=None) for seat in wished.give},
        **{seat.partition: msgspec.structs.replace(seat, holder=me, asked_by=None) for seat in wished.take},
        **{seat.partition: msgspec.structs.replace(seat, asked_by=me) for seat in wished.ask},
    }
    return [changed.get(seat.partition, seat) for seat in lanes]
