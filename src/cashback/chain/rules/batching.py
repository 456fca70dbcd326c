"""When and how much a lane may take on, decided from the queue and from what the contracts allow."""

from cashback.chain.model import Policy
from cashback.chain.rules.fees import Waits


def wait_ms(*, waiting: int, oldest_ms: int, full_at: int, age_ms: int) -> int:
    """Return how long the queue may still ripen: 0 once a full call waits or its oldest mint is `age_ms` old."""
    return 0 if waiting >= full_at else max(age_ms - oldest_ms, 0)


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
