"""Waiting until the system has nothing left to do: every purchase's mint is final, or it earned none."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.ledger.model import State, Sum
from cashback.ledger.service import Readings
from cashback.processes.reconcile import Report, Settings, reconcile

_PAUSE_S: Final = 0.25

ENDS: Final = (State.MINTED, State.STUCK, State.DECLINED)
"""Where the cashback of a purchase may end in this release."""

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

    The ledger alone is asked until it has nothing open: the comparison itself goes over every mint and every log.

    Raises:
        NotSettled: it took longer than `within_s`.
    """
    deadline_s = monotonic_s() + within_s
    problem = "they are not settled"
    async with Database.open(settings.ledger_audit_dsn.value, name="demo", connections_max=1) as database:
        ledger = Readings(database)
        while monotonic_s() < deadline_s:
            try:
                ended = _ended(await ledger.sums())
                reached(ended)
                if ended >= purchases and (report := await reconcile(settings)).is_drained:
                    return report
            except Unavailable as error:
                problem = error.detail
            await asyncio.sleep(_PAUSE_S)
    raise NotSettled(f"{purchases:,} purchases had not come to their end after {within_s:.0f} s: {problem}")


def _ended(sums: Mapping[State, Sum]) -> int:
    """Return how many cashbacks have come to their end."""
    return sum(sums[state].cashbacks for state in ENDS)
