"""How often somebody may ask: as the sentence says, by a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.http.limits import Guesses, Limits
from cashback.kernel.http.rate import Allowances, take
from cashback.kernel.principal import Principal, Rate, Scope

FOUR = Rate(per_s=2, burst=4)


class Clock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        """Stand at an instant that no duration of a test reaches."""
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        """Return them."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


def let_in(allowances: Allowances, clock: Clock, times: int, *, name: str = "a", rate: Rate = FOUR) -> list[bool]:
    """Return which of so many requests at once are let in."""
    return [not allowances.take(name, rate, now_s=clock()).wait_s for _ in range(times)]


def test_after_a_rest_as_many_as_the_burst_are_let_in_at_once(clock: Clock) -> None:
    """And no more; each second brings as many back as the rate says, up to the burst."""
    allowances = Allowances()
    assert let_in(allowances, clock, 6) == [True] * 4 + [False] * 2
    clock.now_s += 1
    assert let_in(allowances, clock, 3) == [True] * 2 + [False]
    clock.now_s += 3_600
    assert let_in(allowances, clock, 5) == [True] * 4 + [False]


def test_whoever_is_refused_is_told_how_long_to_wait_and_is_let_in_then(clock: Clock) -> None:
    """To the moment; and being refused costs nothing."""
    allowances = Allowances()
    let_in(allowances, clock, 4)
    refused = [allowances.take("a", FOUR, now_s=clock()) for _ in range(10)][-1]
    assert refused.left == 0
    assert refused.wait_s == pytest.approx(0.5, abs=0.01)
    assert refused.whole_in_s == pytest.approx(2.0)
    clock.now_s += refused.wait_s
    assert let_in(allowances, clock, 2) == [True, False]


def test_what_is_left_is_told(clock: Clock) -> None:
    """Counted down to nothing."""
    allowances = Allowances()
    assert [allowances.take("a", FOUR, now_s=clock()).left for _ in range(5)] == [3, 2, 1, 0, 0]


def test_more_than_a_burst_in_one_is_let_in_once_and_waited_for_afterwards(clock: Clock) -> None:
    """Ten of four: six are owed, so nothing is let in until these have come back, and one more."""
    allowances = Allowances()
    assert allowances.take("a", FOUR, now_s=clock(), count=10).wait_s == 0
    owing = allowances.take("a", FOUR, now_s=clock(), count=10)
    assert owing.left == 0
    assert owing.wait_s == pytest.approx(3.5, abs=0.01)
    clock.now_s += 3.4
    assert let_in(allowances, clock, 1) == [False]
    clock.now_s += 0.1
    assert let_in(allowances, clock, 2) == [True, False]


def test_names_do_not_share(clock: Clock) -> None:
    """Who asks too often takes nothing from anybody else."""
    allowances = Allowances()
    assert let_in(allowances, clock, 9)[-1] is False
    assert let_in(allowances, clock, 1, name="b") == [True]


def test_so_many_names_are_remembered_and_those_who_asked_last(clock: Clock) -> None:
    """Whoever makes up names fills no memory, and cannot have one forgotten that goes on asking."""
    allowances = Allowances(names_max=3)
    let_in(allowances, clock, 4)
    for number in range(100):
        let_in(allowances, clock, 1, name=f"made up {number}")
        assert let_in(allowances, clock, 1) == [False]
    assert len(allowances) == 3


@given(
    rate=st.builds(Rate, per_s=st.integers(1, 10_000), burst=st.integers(1, 1_000)),
    pauses_s=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_what_came_back_meanwhile(rate: Rate, pauses_s: list[float]) -> None:
    """Whatever the pattern: over any time from the first request on."""
    whole_at_s, now_s, admitted = 0.0, 1_000_000.0, 0
    begun_s = now_s
    for pause_s in pauses_s:
        now_s += pause_s
        whole_at_s, standing = take(whole_at_s, rate, count=1, now_s=now_s)
        admitted += not standing.wait_s
        assert admitted <= rate.burst + (now_s - begun_s) * rate.per_s + 1
        assert 0 <= standing.left <= rate.burst


def test_a_key_has_its_own_rate_or_that_of_its_kind(clock: Clock) -> None:
    """A merchant's and an operator's differ; what stands beside the key goes before both."""
    limits = Limits(merchants=Rate(per_s=1, burst=1), operators=Rate(per_s=1, burst=2), now_s=clock)
    merchant = Principal("key_m", Scope.MERCHANT, "mer_1")
    operator = Principal("key_o", Scope.OPERATOR, None)
    own = Principal("key_x", Scope.MERCHANT, "mer_1", rate=Rate(per_s=1, burst=3))
    admitted = {one.key_id: sum(not limits.take(one).wait_s for _ in range(9)) for one in (merchant, operator, own)}
    assert admitted == {"key_m": 1, "key_o": 2, "key_x": 3}


def test_an_address_is_wrong_so_often_and_then_waits(clock: Clock) -> None:
    """One that was never wrong does not, and one of IPv6 is known by its network."""
    guesses = Guesses(rate=FOUR, now_s=clock)
    assert guesses.wait_s("192.0.2.1") == 0
    for number in range(4):
        guesses.note("192.0.2.1")
        guesses.note(f"2001:db8::{number}")
    assert guesses.wait_s("192.0.2.1") > 0
    assert guesses.wait_s("2001:db8::ffff") > 0
    assert guesses.wait_s("2001:db8:0:1::1") == guesses.wait_s("192.0.2.2") == 0
    clock.now_s += 0.5
    assert guesses.wait_s("192.0.2.1") == 0


def test_what_comes_in_parts_leaves_half_of_the_allowance(clock: Clock) -> None:
    """Whatever else the key asks is let in beside it; what is missing comes a quarter at a time."""
    limits = Limits(merchants=Rate(per_s=10, burst=40), now_s=clock)
    shop = Principal("key_1", Scope.MERCHANT, "mer_1")
    assert limits.take_beside(shop, most=500)[0] == 20
    taken, after = limits.take_beside(shop, most=480)
    assert (taken, after.wait_s) == (0, 1.0)
    assert limits.take(shop, count=5).wait_s == 0
    clock.now_s += 1.5
    assert limits.take_beside(shop, most=480)[0] == 10
    assert limits.take_beside(shop, most=3)[1].wait_s == pytest.approx(0.3)
    assert limits.take(shop).left == 19
