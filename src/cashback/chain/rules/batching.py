"""When and how much a lane may take on, decided from the queue and from what the contracts allow."""

import msgspec

from cashback.chain.model import Policy
from cashback.chain.rules.fees import Waits


def wait_ms(*, waiting: int, oldest_ms: int, full_at: int, age_ms: int) -> int:
    """Return how long the queue may still ripen: 0 once a full call waits or its oldest mint is `age_ms` old."""
    return 0 if waiting >= full_at else max(age_ms - oldest_ms, 0)


class GuardRails(msgspec.Struct, frozen=True):
    """The most base units that may be signed for within an hour and within a day, whatever the contracts allow."""

    hour_max: int
    day_max: int


class Budget(msgspec.Struct, frozen=True):
    """How many base units may be signed for, and which bound that is: what a mint waits for that is larger."""

    amount: int
    bound: str


def budget(policy: Policy, *, in_flight: int) -> Budget | Waits:
    """Return how much may be signed for now; what is in flight counts as minted already.

    A pause or an exhausted limit makes the lane wait. It costs no attempt and makes no mint fail.
    """
    if policy.is_paused:
        return Waits("minter_paused")
    if not policy.is_operator or not policy.is_minter:
        return Waits("role_missing")
    room = policy.cap - policy.supply - in_flight
    if room <= 0:
        return Waits("supply_cap_reached")
    left = policy.available - in_flight
    if left <= 0:
        return Waits("mint_limit_reached")
    return _least(Budget(left, "mint_limit_reached"), Budget(room, "supply_cap_reached"))


def guarded(budget: Budget | Waits, rails: GuardRails, *, hour: int, day: int) -> Budget | Waits:
    """Return what of a budget the guard rails leave, given what was signed for within the hour and the day."""
    if isinstance(budget, Waits):
        return budget
    if hour >= rails.hour_max:
        return Waits("hourly_guard_reached")
    if day >= rails.day_max:
        return Waits("daily_guard_reached")
    return _least(
        budget,
        Budget(rails.hour_max - hour, "hourly_guard_reached"),
        Budget(rails.day_max - day, "daily_guard_reached"),
    )


def bound_of(amount: int, budget: Budget, rails: GuardRails) -> str:
    """Return what a mint waits for that does not fit: the bound that it can never meet before one that passes."""
    if amount > rails.hour_max:
        return "hourly_guard_reached"
    return "daily_guard_reached" if amount > rails.day_max else budget.bound


def _least(*budgets: Budget) -> Budget:
    """Return the smallest, of equal ones the first."""
    return min(budgets, key=lambda one: one.amount)
