"""`api`: how many purchases a second the real `cashback api` accepts, beside one transaction per request.

Method. PostgreSQL with fsync on; both processes side by side on one database, the load in a third process with 64
kept-alive connections, each sending its next purchase when the last was answered. The reference (single_api.py) is
the same application with batches of one, at whichever number of concurrent transactions serves it best; both leave
the same rows, and every row of the whole run is counted at the end. The server has looked at its tables before, as
one that has run for a minute. Neither relay nor workers run: this is the accept path alone. The empty handler passes
through the same server and middleware, and is asked in turns with both, and once more with 256 connections, where
batches are larger. Latency is measured at half the accept rate, from the instant each request was due, on a server
that has files of its log to reuse, as one has that has run for five minutes; what it is while they are made is told
beside it, and what 1, 16, 64 and 256 connections see that send as fast as they are answered. What tracing costs is
measured in turns as well: the same process without a collector, with one that is told of one trace in ten, and of
every trace as by default; the collector is a fourth process, which keeps nothing (sink.py).
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import httpx

from cashback.kernel.config import environment
from cashback.processes.embedded import CashbackProcess, Child, Launch, free_port, listening_ports
from tests.benchmarks.checks import Check, at_least, at_most, exactly, reported
from tests.benchmarks.desks import Desk, beside, real, served
from tests.benchmarks.load import CONNECTIONS, Answers
from tests.benchmarks.pairs import Pairs, all_in_turns, best, in_turns
from tests.benchmarks.shop import Shop, open_shop
from tests.benchmarks.sink import HOST

LATENCY_S: Final = 6.0
SINGLE_TRANSACTIONS: Final = (2, 8, 32)
NOTHING: Final = "/v1/nothing"
MANY: Final = 256
SOME: Final = 0.1
ALL: Final = 1.0
"""How many of the traces are recorded: all of them where a collector is named and nothing else is said."""


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_shop(folder) as shop:
        before = await shop.rows()
        async with real(folder, shop) as ours:
            transactions, tried = await _best_single(folder, shop)
            await shop.look()
            async with _single(folder, shop, transactions) as theirs:
                rates, singly, empty = await all_in_turns(ours.rate, theirs.rate, partial(_empty_rate, theirs))
                many = await in_turns(
                    partial(ours.rate, connections=MANY), partial(_empty_rate, theirs, connections=MANY)
                )
            fresh = await ours.answers(duration_s=LATENCY_S, pace=median(rates) / 2)
            await shop.recycle()
            await ours.answers(pace=median(rates) / 2)
            calm = await ours.answers(duration_s=LATENCY_S, pace=median(rates) / 2)
            crowds = await ours.crowds("as fast as answered")
            traced, tracing = await _tracing(folder, shop, ours)
        desks = (ours, theirs, *tried, *tracing)
        astray = await shop.astray(before, sum(desk.accepted for desk in desks))
    return [
        *_checks(Pairs(rates, singly), Pairs(rates, empty), calm, transactions=transactions),
        reported(f"accept rate against the empty handler, {MANY} at once", many.ratio, "times"),
        reported(f"empty handler, same middleware, {MANY} at once", median(many.theirs), "requests/s"),
        reported("the same where the log's files are made, not reused, p99", fresh.latency_ms(99), "ms"),
        *crowds,
        *[
            reported(f"accept rate with {ratio:.0%} of the traces recorded against none", pair.ratio, "times")
            for ratio, pair in traced.items()
        ],
        exactly("requests not accepted", sum(desk.refused for desk in desks), "requests", expected=0),
        exactly("rows lost or doubled, balances wrong", astray, "rows", expected=0),
    ]


def _checks(pairs: Pairs, empty: Pairs, calm: Answers, *, transactions: int) -> list[Check]:
    """Return the figures of the whole run."""
    return [
        at_least("accept rate against one transaction per request", pairs.ratio, "times", bound=2.5),
        reported("accept rate", median(pairs.ours), "purchases/s"),
        reported(f"one transaction per request ({transactions} at a time)", median(pairs.theirs), "purchases/s"),
        at_least("accept rate against the empty handler", empty.ratio, "times", bound=0.5),
        reported("empty handler, same middleware", median(empty.theirs), "requests/s"),
        reported("latency at half the accept rate, p50", calm.latency_ms(50), "ms"),
        at_most("latency at half the accept rate, p99", calm.latency_ms(99), "ms", bound=60),
    ]


async def _empty_rate(desk: Desk, *, connections: int = CONNECTIONS) -> float:
    """Return how many requests a second the handler that does nothing answers."""
    return (await desk.answers(path=NOTHING, connections=connections)).rate


@asynccontextmanager
async def _traced(folder: Path, shop: Shop, *, sink: int, ratio: float) -> AsyncIterator[Desk]:
    """Yield `cashback api` at ports of its own, recording so many of the traces for the collector at port `sink`."""
    port, settings = beside(folder, shop)
    settings |= {"CASHBACK_OTLP_ENDPOINT": f"http://{HOST}:{sink}", "CASHBACK_TRACE_RATIO": str(ratio)}
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
    port, settings = beside(folder, shop)
    settings |= {"CASHBACK_API_CONNECTIONS_MAX": str(transactions)}
    command = (sys.executable, "-m", "tests.benchmarks.single_api")
    async with served(command, log=folder / f"single-{transactions}.log", port=port, settings=settings):
        yield Desk(shop, port)


async def _best_single(folder: Path, shop: Shop) -> tuple[int, list[Desk]]:
    """Return how many transactions at a time serve the reference best, and the desks that were tried."""
    tried: list[Desk] = []

    async def trial(transactions: int) -> float:
        async with _single(folder, shop, transactions) as desk:
            tried.append(desk)
            await desk.rate()
            return await desk.rate()

    return await best({number: partial(trial, number) for number in SINGLE_TRANSACTIONS}), tried
