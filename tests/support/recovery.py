"""How soon all is well again once a fault is over: the bounds, and the facts by which that is seen.

A process comes again within ten seconds, counted from its start or from SIGCONT; broker or database within thirty,
counted from the moment at which they can be reached. Well is not what answers `/readyz`: well is when the first event
that happened afterwards has come all the way.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from cashback.kernel.clock import monotonic_s
from tests.support.facts import eventually

RECOVERS_PROCESS_WITHIN_S: Final = 10.0
RECOVERS_SERVER_WITHIN_S: Final = 30.0
RELAY_FOLLOWED_WITHIN_S: Final = 5.0
"""A relay's lanes are another's by then (ADR 0050): three seconds of lease, and a look each quarter of one."""


async def recovers(fact: Callable[[], Awaitable[bool]], *, within_s: float, what: str) -> float:
    """Return after how many seconds `fact` held, counted from this call.

    Raises:
        AssertionError: it did not within `within_s`; it says `what` was awaited.
    """
    began_s = monotonic_s()

    async def look() -> bool | None:
        return True if await fact() else None

    await eventually(look, within_s=within_s, what=what, every_s=0.02)
    return monotonic_s() - began_s
