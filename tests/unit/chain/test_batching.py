"""When a lane takes mints on, and how much the contracts allow."""

import msgspec
import pytest

from cashback.chain.model import Policy, Prices
from cashback.chain.rules.batching import Budget, GuardRails, bound_of, budget, guarded, wait_ms
from cashback.chain.rules.fees import Waits

POLICY = Policy(
    head=1,
    prices=Prices(1, ()),
    is_paused=False,
    is_operator=True,
    is_minter=True,
    available=1_000,
    supply=5_000,
    cap=10_000,
    gas_money_wei=1,
    pending_nonce=0,
)


@pytest.mark.parametrize("waiting,oldest_ms,expected", [(1, 0, 100), (1, 60, 40), (1, 100, 0), (1, 900, 0), (10, 0, 0)])
def test_a_queue_ripens_until_it_is_old_or_full(waiting: int, oldest_ms: int, expected: int) -> None:
    """A hundred milliseconds, or a full call."""
    assert wait_ms(waiting=waiting, oldest_ms=oldest_ms, full_at=10, age_ms=100) == expected


def test_what_is_in_flight_counts_as_minted() -> None:
    """The limit must not be signed away twice."""
    assert budget(POLICY, in_flight=0) == Budget(1_000, "mint_limit_reached")
    assert budget(POLICY, in_flight=400) == Budget(600, "mint_limit_reached")


def test_the_cap_on_the_supply_binds_when_it_is_nearer() -> None:
    """Whichever is less, and by its name."""
    near = msgspec.structs.replace(POLICY, supply=9_700)
    assert budget(near, in_flight=100) == Budget(200, "supply_cap_reached")


@pytest.mark.parametrize(
    "changes,in_flight,reason",
    [
        ({"is_paused": True}, 0, "minter_paused"),
        ({"is_operator": False}, 0, "role_missing"),
        ({"is_minter": False}, 0, "role_missing"),
        ({}, 1_000, "mint_limit_reached"),
        ({"supply": 10_000}, 0, "supply_cap_reached"),
    ],
)
def test_what_the_contracts_forbid_makes_the_lane_wait(changes: dict[str, object], in_flight: int, reason: str) -> None:
    """Each with its own reason, which an operator reads."""
    assert budget(msgspec.structs.replace(POLICY, **changes), in_flight=in_flight) == Waits(reason)


@pytest.mark.parametrize(
    "allowed,hour,day,expected",
    [
        (50, 0, 0, Budget(50, "mint_limit_reached")),
        (500, 0, 0, Budget(100, "hourly_guard_reached")),
        (500, 40, 40, Budget(60, "hourly_guard_reached")),
        (500, 0, 970, Budget(30, "daily_guard_reached")),
        (500, 100, 100, Waits("hourly_guard_reached")),
        (500, 130, 130, Waits("hourly_guard_reached")),
        (500, 0, 1_000, Waits("daily_guard_reached")),
        (Waits("minter_paused"), 100, 1_000, Waits("minter_paused")),
    ],
)
def test_the_guard_rails_bound_what_the_contracts_allow(
    allowed: int | Waits, hour: int, day: int, expected: Budget | Waits
) -> None:
    """A hundred an hour and a thousand a day; what the contracts forbid is told first."""
    given = allowed if isinstance(allowed, Waits) else Budget(allowed, "mint_limit_reached")
    assert guarded(given, GuardRails(100, 1_000), hour=hour, day=day) == expected


@pytest.mark.parametrize(
    "amount,rails,bound",
    [
        (80, GuardRails(100, 1_000), "mint_limit_reached"),
        (100, GuardRails(100, 1_000), "mint_limit_reached"),
        (101, GuardRails(100, 1_000), "hourly_guard_reached"),
        (101, GuardRails(1_000, 100), "daily_guard_reached"),
    ],
)
def test_a_mint_that_no_hour_or_day_lets_through_waits_for_that_bound(
    amount: int, rails: GuardRails, bound: str
) -> None:
    """Not for the limit, which may be nearer just now and refills."""
    assert bound_of(amount, Budget(50, "mint_limit_reached"), rails) == bound
