"""Waiting until the system has nothing left to do: every purchase's mint is final, or it earned none."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from cashback.kernel.clock import monotonic_s
from cashback.kernel.errors import Unavailable
from cashback.processes.reconcile import Report, Settings, reconcile

_PAUSE_S: Final = 0.5

Reached: TypeAlias = Callable[[int], None]
"""Is told how many purchases have come to their end."""


class NotSettled(Unavailable):
    """The system still had work to do when the patience ended."""

    code = "not_settled"


async def settle(
    settings: Settings,
    purchases: int,
    *,
    within_s: float,
    reached: Reached = lambda count: None,  # noqa: ARG005  # told to nobody
) -> Report:
    """Return the comparison at the first final block that holds all of `purchases`.

    Raises:
        NotSettled: it took longer than `within_s`.
    """
    deadline_s = monotonic_s() + within_s
    while True:
        report = await reconcile(settings)
        ended = report.minted + report.stuck + report.declined
        reached(ended)
        if ended >= purchases and report.is_drained:
            return report
        if monotonic_s() > deadline_s:
            raise NotSettled(f"{purchases - ended} of {purchases} purchases are not settled after {within_s:.0f} s")
        await asyncio.sleep(_PAUSE_S)
