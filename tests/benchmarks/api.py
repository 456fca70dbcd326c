"""`api`: how many purchases a second the real `cashback api` accepts, beside one transaction per request.

Method. PostgreSQL with fsync on; both processes side by side on one database, the load in a third process with 64
kept-alive connections, each sending its next purchase when the last was answered. The reference (single_api.py) is
the same application with batches of one, at whichever number of concurrent transactions serves it best; both
leave the same rows, and every row of the whole run is counted at the end. Neither relay nor workers run: this is the
accept path alone. The empty handler passes through the same server and middleware. Latency is measured at half the
accept rate, from the instant each request was due.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from cashback.kernel.config import PREFIX, environment
from cashback.processes.embedded import (
    CashbackProcess,
    Child,
    EmbeddedNats,
    Launch,
    answers,
    free_port,
    listening_ports,
)
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.load import Answers, Offer, offered
from tests.benchmarks.pairs import Pairs, best, in_turns
from tests.benchmarks.shop import Shop, open_shop

ROUND_S: Final = 2.5
LATENCY_S: Final = 6.0
SINGLE_TRANSACTIONS: Final = (2, 8, 32)

_runs: Final = count(1)


class Desk:
    """One API process as the load sees it; counts what it accepted and refused."""

    def __init__(self, shop: Shop, port: int) -> None:
        """Send to `port`."""
        self._shop = shop
        self._port = port
        self.accepted = 0
        self.refused = 0

    async def answers(
        self, *, duration_s: float = ROUND_S, pace: float | None = None, path: str | None = None
    ) -> Answers:
        """Return what one round brought."""
        shop = self._shop
        given = Offer(
            port=self._port,
            api_key=shop.operator_key,
            cast=shop.cast,
            run=f"round-{next(_runs)}",
            duration_s=duration_s,
            pace=pace,
            path=path or "/v1/purchases",
        )
        answers = await offered(given)
        if path is None:
            self.accepted += len(answers.posted)
        self.refused += answers.refused
        return answers

    async def rate(self) -> float:
        """Return the accept rate of one round."""
        return (await self.answers()).rate


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_shop(folder) as shop:
        before = await shop.rows()
        async with _real(folder, shop) as ours:
            transactions, tried = await _best_single(folder, shop)
            async with _single(folder, shop, transactions) as theirs:
                pairs = await in_turns(ours.rate, theirs.rate)
                empty = median([(await theirs.answers(path="/v1/nothing")).rate for _ in range(3)])
            calm = await ours.answers(duration_s=LATENCY_S, pace=median(pairs.ours) / 2)
        desks = (ours, theirs, *tried)
        astray = await shop.astray(before, sum(desk.accepted for desk in desks))
    return _checks(
        pairs, calm, empty=empty, transactions=transactions, astray=astray, refused=sum(d.refused for d in desks)
    )


def _checks(pairs: Pairs, calm: Answers, *, empty: float, transactions: int, astray: int, refused: int) -> list[Check]:
    """Return the figures of the whole run."""
    percentiles = quantiles(calm.latencies_s, n=100)
    return [
        at_least("accept rate against one transaction per request", pairs.ratio, "times", bound=2.5),
        reported("accept rate", median(pairs.ours), "purchases/s"),
        reported(f"one transaction per request ({transactions} at a time)", median(pairs.theirs), "purchases/s"),
        reported("empty handler, same middleware", empty, "requests/s"),
        reported("latency at half the accept rate, p50", 1_000 * percentiles[49], "ms"),
        reported("latency at half the accept rate, p99", 1_000 * percentiles[98], "ms"),
        exactly("requests not accepted", refused, "requests", expected=0),
        exactly("rows lost or doubled, balances wrong", astray, "rows", expected=0),
    ]


@asynccontextmanager
async def _real(folder: Path, shop: Shop) -> AsyncIterator[Desk]:
    """Yield `cashback api`, as an operator starts it."""
    settings = _settings(folder, shop)
    process = CashbackProcess("api", log=folder / "api.log", port=shop.plan.ports.api, settings=settings)
    await asyncio.to_thread(process.start)
    try:
        yield Desk(shop, process.port)
    finally:
        await asyncio.to_thread(process.stop)


@asynccontextmanager
async def _single(folder: Path, shop: Shop, transactions: int) -> AsyncIterator[Desk]:
    """Yield the reference with so many transactions at a time."""
    port = free_port()
    settings = _settings(folder, shop) | {
        "CASHBACK_API_PORT": str(port),
        "CASHBACK_PROBE_PORT": str(free_port()),
        "CASHBACK_API_CONNECTIONS_MAX": str(transactions),
    }
    inherited = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
    launch = Launch(
        command=(sys.executable, "-m", "tests.benchmarks.single_api"),
        env=inherited | settings,
        ready=lambda pid: port in listening_ports(pid) and answers(port, "/readyz"),
    )
    child = Child("the reference", folder / f"single-{transactions}.log", lambda: launch)
    await asyncio.to_thread(child.start)
    try:
        yield Desk(shop, port)
    finally:
        await asyncio.to_thread(child.stop)


async def _best_single(folder: Path, shop: Shop) -> tuple[int, list[Desk]]:
    """Return how many transactions at a time serve the reference best, and the desks that were tried."""
    tried: list[Desk] = []

    async def trial(transactions: int) -> float:
        async with _single(folder, shop, transactions) as desk:
            tried.append(desk)
            await desk.rate()
            return await desk.rate()

    return await best({number: partial(trial, number) for number in SINGLE_TRANSACTIONS}), tried


def _settings(folder: Path, shop: Shop) -> dict[str, str]:
    """Return the settings of the API; there is no broker, and it needs none."""
    return shop.plan.settings("api", postgres=shop.postgres, nats=EmbeddedNats(folder / "nats"), chain={})
