"""Budgets over several accounts: nothing is lost or made, whatever is split, taken and evened out."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import Minor
from cashback.ledger.rules.forecast import DAYS_SEEN_MAX, FAR, forecast
from cashback.ledger.rules.stripes import evened, spread, taken

TODAY = date(2026, 3, 1)
balances = st.dictionaries(st.integers(0, 63), st.integers(0, 10**12), min_size=1, max_size=64)


@given(st.integers(0, 2**62), st.integers(1, 64))
def test_what_is_spread_is_all_there_and_even(amount: int, stripes: int) -> None:
    """The parts add up, and differ by a unit at most."""
    parts = spread(Minor(amount), stripes)
    assert (sum(parts), len(parts)) == (amount, stripes)
    assert max(parts) - min(parts) <= 1


@given(balances, st.integers(0, 10**14))
def test_what_is_taken_is_what_was_wanted_or_all_there_is(held: dict[int, int], amount: int) -> None:
    """No stripe gives more than it holds."""
    parts = taken(held, Minor(amount))
    assert sum(parts.values()) == min(amount, sum(held.values()))
    assert all(0 < part <= held[stripe] for stripe, part in parts.items())


@given(balances)
def test_stripes_that_were_evened_out_differ_by_a_unit(held: dict[int, int]) -> None:
    """In fewer moves than there are stripes, and a second time in none."""
    after = dict(held)
    moves = evened(held)
    for giver, taker, amount in moves:
        assert amount > 0
        after[giver] -= amount
        after[taker] += amount
    assert sum(after.values()) == sum(held.values())
    assert min(after.values()) >= 0
    assert max(after.values()) - min(after.values()) <= 1
    assert len(moves) < len(held)
    assert evened(after) == []


@given(st.integers(0, 10**15), st.lists(st.integers(-1_000, 10**9), max_size=60))
def test_a_forecast_lies_between_its_bounds_and_is_none_without_spend(left: int, spent: list[int]) -> None:
    """Earliest, day, latest, in this order; by the mean, what is left lasts until that day and not a day longer."""
    found = forecast(Minor(left), spent, today=TODAY)
    seen = [max(amount, 0) for amount in spent[-DAYS_SEEN_MAX:]]
    if found is None:
        assert sum(seen) == 0 or left * len(seen) // sum(seen) > FAR
        return
    assert TODAY <= found.earliest <= found.day <= (found.latest or date.max)
    days = (found.day - TODAY).days
    assert sum(seen) * days <= left * len(seen) < sum(seen) * (days + 1)
    assert found.days_seen == len(seen)


def test_an_even_spend_is_foretold_to_the_day() -> None:
    """1,000 left at 100 a day are gone after ten days, whichever stretch is looked at; a quiet week leaves it open."""
    even = forecast(Minor(1_000), [100] * 28, today=TODAY)
    assert even is not None
    assert (even.earliest, even.day, even.latest) == (TODAY + timedelta(days=10),) * 3
    quiet = forecast(Minor(1_000), [0] * 7 + [200] * 7, today=TODAY)
    assert quiet is not None
    assert (quiet.earliest, quiet.day, quiet.latest) == (TODAY + timedelta(days=5), TODAY + timedelta(days=10), None)
