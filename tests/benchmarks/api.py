"""`api`: how many purchases a second the real `cashback api` accepts, beside one transaction per request.

Method. PostgreSQL with fsync on; both processes side by side on one database, the load in a third process with 64
kept-alive connections, each sending its next purchase when the last was answered. The reference (single_api.py) is
the same application with batches of one, at whichever number of concurrent transactions serves it best; both
leave the same rows, and every row of the whole run is counted at the end. Neither relay nor workers run: this is the
accept path alone. The empty handler passes through the same server and middleware. Latency is measured at half the
accept rate, from the instant each request was due. What tracing costs is measured in turns as well: the same process
without a collector, with one that is told of one trace in ten, and of every trace as by default; the collector is a
fourth process, which keeps nothing (sink.py).
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

import httpx

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
from tests.benchmarks.pairs import Pairs, all_in_turns, best, in_turns
from tests.benchmarks.shop import Shop, open_shop
from tests.benchmarks.sink import HOST

ROUND_S: Final = 2.5
LATENCY_S: Final = 6.0
SINGLE_TRANSACTIONS: Final = (2, 8, 32)
SOME: Final = 0.1
ALL: Final = 1.0
"""How many of the traces are recorded: all of them where a collector is named and nothing else is said."""

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
            traced, tracing = await _tracing(folder, shop, ours)
        desks = (ours, theirs, *tried, *tracing)
        astray = await shop.astray(before, sum(desk.accepted for desk in desks))
    return [
        *_checks(
            pairs, calm, empty=empty, transactions=transactions, astray=astray, refused=sum(d.refused for d in desks)
        ),
        *[
            reported(f"accept rate with {ratio:.0%} of the traces recorded against none", pair.ratio, "times")
            for ratio, pair in traced.items()
        ],
    ]


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
async def _traced(folder: Path, shop: Shop, *, sink: int, ratio: float) -> AsyncIterator[Desk]:
    """Yield `cashback api` at ports of its own, recording so many of the traces for the collector at port `sink`."""
    port = free_port()
    settings = _settings(folder, shop) | {
        "CASHBACK_API_PORT": str(port),
        "CASHBACK_PROBE_PORT": str(free_port()),
        "CASHBACK_OTLP_ENDPOINT": f"http://{HOST}:{sink}",
        "CASHBACK_TRACE_RATIO": str(ratio),
    }
    process = CashbackProcess("api", log=folder / f"api-{ratio}.log", port=port, settings=settings)
    await asyncio.to_thread(process.start)
    try:
        yield Desk(shop, port)
    finally:
        await asyncio.to_thread(process.stop)


async def _tracing(folder: Path, shop: Shop, untraced: Desk) -> tuple[dict[float, Pairs], list[Desk]]:
    """Return the rates by how many of the traces are recorded, each beside those without, and who was asked for them.

    Raises:
        RuntimeError: nobody told the collector anything, and what was measured is no tracing.
    """
    port = free_port()
    launch = Launch(
        command=(sys.executable, "-m", "tests.benchmarks.sink", str(port)),
        env=dict(environment()),
        ready=lambda pid: port in listening_ports(pid),
    )
    sink = Child("the collector", folder / "sink.log", lambda: launch)
    await asyncio.to_thread(sink.start)
    try:
        async with (
            _traced(folder, shop, sink=port, ratio=SOME) as some,
            _traced(folder, shop, sink=port, ratio=ALL) as all_,
            httpx.AsyncClient() as http,
        ):
            none, *others = await all_in_turns(untraced.rate, some.rate, all_.rate)
            if int((await http.get(f"http://{HOST}:{port}/")).text) == 0:
                raise RuntimeError("the collector was told nothing")
    finally:
        await asyncio.to_thread(sink.stop)
    return {ratio: Pairs(rates, none) for ratio, rates in zip((SOME, ALL), others, strict=True)}, [some, all_]


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
