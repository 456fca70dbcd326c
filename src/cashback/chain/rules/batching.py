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


def budget(policy: Policy, *, in_flight: int) -> int | Waits:
    """Return how many base units may be signed for now; what is in flight counts as minted already.

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
    return min(left, room) if left > 0 else Waits("mint_limit_reached")


def guarded(budget: int | Waits, rails: GuardRails, *, hour: int, day: int) -> int | Waits:
    """Return what of a budget the guard rails leave, given what was signed for within the hour and the day."""
    if isinstance(budget, Waits):
        return budget
    if hour >= rails.hour_max:
        return Waits("hourly_guard_reached")
    if day >= rails.day_max:
        return Waits("daily_guard_reached")
    return min(budget, rails.hour_max - hour, rails.day_max - day)
