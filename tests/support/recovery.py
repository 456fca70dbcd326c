"""How soon all is well again once a fault is over: the bounds, and the facts by which that is seen.

A process comes again within ten seconds, counted from its start or from SIGCONT; broker or database within thirty,
counted from the moment at which they can be reached. Well is not what answers `/readyz`: well is when the first event
that happened afterwards has come all the way.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from cashback.kernel.clock import monotonic_s
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.stack import WholeSystem

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


class Flow:
    """Whether events come all the way in a whole system under load: those that happened after this was made."""

    def __init__(self, stack: WholeSystem, load: Load) -> None:
        """Know what has happened so far."""
        self._stack = stack
        self._load = load
        self._before = set(load.purchases)
        self._outcomes = self._count_outcomes()

    async def is_whole(self) -> bool:
        """Tell whether a purchase of later was asked to be minted and minting has it, and an outcome has come back."""
        later = [purchase for purchase in self._load.purchases if purchase not in self._before]
        query = "select mint_number from ledger.cashback_ledger where purchase_id = any(%s) and mint_number is not null"
        numbers = [row[0] for row in self._stack.rows("cashback", query, later)]
        query = "select 1 from minting.mints where number = any(%s) limit 1"
        return bool(self._stack.rows("minting", query, numbers)) and self._count_outcomes() > self._outcomes

    def _count_outcomes(self) -> int:
        """Return how many outcomes the ledger has applied."""
        query = "select count(*) from ledger.inbox where consumer = 'ledger-outcomes'"
        return int(self._stack.rows("cashback", query)[0][0])


@asynccontextmanager
async def recovered(
    stack: WholeSystem, load: Load, *, within_s: float, what: str, flow: Flow | None = None
) -> AsyncIterator[None]:
    """Heal in the block, and see that from its begin on it takes at most `within_s` until events come all the way.

    `flow` is what had happened by the fault, for a database that cannot be asked any more when the healing begins.
    How long it took is printed, for whoever asks pytest for it (`-rP`).
    """
    flow, began_s = flow or Flow(stack, load), monotonic_s()
    yield
    await recovers(flow.is_whole, within_s=within_s - (monotonic_s() - began_s), what=f"events flow again after {what}")
    sys.stdout.write(f"recovered from {what} in {monotonic_s() - began_s:.1f} s\n")
