"""`end_to_end`: from POST to final mint through every process, at a calm pace and at the pace the platform must bear.

Method. The whole system on this machine with fsync on: PostgreSQL, NATS, anvil with 1 s blocks of 60M gas (room for
about 2,100 fresh mints: not the limit here), and the six processes; the load in a process of its own, at a fixed pace
over 64 connections. First 50 purchases/s for 30 s, after a warm-up that does not count; then 220/s for 60 s.

    POST due ────────included_at──▶ ... ──final_at──▶    the platform: the adapter's instants, as a timeline shows them
    POST due ──next block──▶ four more on top of it      the chain itself: a transaction sent at that very instant

`included` is when the adapter had stored the block with the mint, `final` when it had stored that the block is final.
What the chain itself takes is seen in the same run: its head is watched, and for the instant of each POST it is the
time to the next block and to the one that makes that block final. The medians over the same POSTs are compared.
At the end every accepted purchase must be minted once, and ledger, minting's records and the chain's logs must agree
(`cashback reconcile` at a final block).
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import msgspec
import psycopg

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.node import Node
from cashback.kernel.config import environment, load
from cashback.kernel.db import Database
from cashback.kernel.lifecycle.stopping import pause
from cashback.processes.demo import settle
from cashback.processes.embedded import CHAIN_ID, find_anvil
from cashback.processes.reconcile import Report, Settings
from cashback.processes.signing import address
from cashback.processes.stack import Stack
from tests.benchmarks.chain import FINAL_AFTER_BLOCKS
from tests.benchmarks.checks import Check, at_least, below, exactly, reported
from tests.benchmarks.load import Answers, Offer, Posted, offered
from tests.benchmarks.shop import Cast, furnish

CALM_PACE: Final = 50
CALM_S: Final = 30
WARM_UP_S: Final = 5
BUSY_PACE: Final = 220
BUSY_S: Final = 60
GAS_LIMIT: Final = 60_000_000
_SETTLED_WITHIN_S: Final = 240.0
_LOOK_EVERY_S: Final = 0.025


class Times(msgspec.Struct, frozen=True):
    """When one mint had reached a block and its finality, in seconds since the epoch."""

    included_s: float
    final_s: float


class Heads:
    """When each block of a chain became its head, in seconds since the epoch."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self._seen_s: list[float] = []

    async def watch(self, url: str, stop: asyncio.Event) -> None:
        """Look at the head until told to stop."""
        async with Node.open((url,), chain_id=CHAIN_ID, timeout_s=10) as node:
            blocks = Blocks(node, token=address("0x" + 40 * "0"))
            last = (await blocks.latest()).number
            while not stop.is_set():
                head = (await blocks.latest()).number
                # Blocks that came together, while the machine was busy, were seen together.
                self._seen_s += [time.time()] * (head - last)
                last = head
                await pause(stop, _LOOK_EVERY_S)

    def finality_s(self, from_s: float) -> float:
        """Return how long the chain itself takes with a transaction sent at that instant, until it is final."""
        return self._seen_s[bisect_right(self._seen_s, from_s) + FINAL_AFTER_BLOCKS] - from_s


class World(msgspec.Struct, frozen=True):
    """The running system, who buys there, and what it accepted so far."""

    stack: Stack
    cast: Cast
    answers: list[Answers]

    @property
    def posted(self) -> list[Posted]:
        """Return every purchase that was accepted."""
        return [one for answers in self.answers for one in answers.posted]

    def refused(self) -> int:
        """Return how many requests were answered with anything else."""
        return sum(answers.refused for answers in self.answers)

    async def offer(self, run: str, *, pace: int, duration_s: int) -> Answers:
        """Return the answers to purchases at a fixed pace."""
        answers = await offered(
            Offer(
                port=self.stack.plan.ports.api,
                api_key=self.stack.operator_key,
                cast=self.cast,
                run=run,
                pace=pace,
                duration_s=duration_s,
            )
        )
        self.answers.append(answers)
        return answers

    async def settled(self) -> Report:
        """Return the comparison of ledger and chain once nothing is left to do."""
        settings = load(Settings, self.stack.operator_settings())
        return await settle(settings, len(self.posted), within_s=_SETTLED_WITHIN_S)

    async def times(self) -> dict[str, Times]:
        """Return when each purchase's mint had reached what, by the purchase."""
        numbers = await self._rows(
            "cashback", "select mint_number, purchase_id from ledger.cashback_ledger where state = 'minted'"
        )
        mints = await self._rows(
            "chain",
            """
            select number, extract(epoch from included_at)::float8, extract(epoch from final_at)::float8
            from chain.mints
            where state = 'final'
            """,
        )
        reached = {number: Times(*times) for number, *times in mints}
        return {purchase_id: reached[number] for number, purchase_id in numbers}

    async def _rows(self, database: str, question: str) -> list[tuple[Any, ...]]:
        """Return the rows of a question."""
        async with await psycopg.AsyncConnection.connect(self.stack.postgres.dsn(database)) as connection:
            return await (await connection.execute(question.encode())).fetchall()


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with _world(folder) as world:
        latencies = await _calm(world)
        busy = await world.offer("busy", pace=BUSY_PACE, duration_s=BUSY_S)
        report = await world.settled()
        drained_s = await _drained_s(world, busy)
        minted = len(await world.times())
    return [
        at_least(f"accepted and minted, offered at {BUSY_PACE}/s for {BUSY_S} s", busy.rate, "purchases/s", bound=200),
        *latencies,
        reported("last POST to last final mint, at the busy pace", drained_s, "s"),
        *_percentiles(f"POST to answer at {BUSY_PACE}/s", [1_000 * one for one in busy.latencies_s], "ms"),
        exactly("requests not accepted", world.refused(), "requests", expected=0),
        exactly("accepted purchases without their one mint", len(world.posted) - minted, "purchases", expected=0),
        exactly("mint logs beyond one each", report.logs - minted, "logs", expected=0),
        exactly("differences that reconcile found", len(report.findings), "differences", expected=0),
    ]


async def _calm(world: World) -> list[Check]:
    """Return the latencies at the calm pace."""
    await world.offer("warm-up", pace=CALM_PACE, duration_s=WARM_UP_S)
    heads, stop = Heads(), asyncio.Event()
    watching = asyncio.create_task(heads.watch(world.stack.anvil.url, stop))
    try:
        calm = await world.offer("calm", pace=CALM_PACE, duration_s=CALM_S)
        await world.settled()
    finally:
        stop.set()
        await watching
    return _latencies(calm, await world.times(), heads)


def _latencies(calm: Answers, times: dict[str, Times], heads: Heads) -> list[Check]:
    """Return the figures of the calm pace."""
    included = [times[one.purchase_id].included_s - one.at_s for one in calm.posted]
    final = [times[one.purchase_id].final_s - one.at_s for one in calm.posted]
    itself = [heads.finality_s(one.at_s) for one in calm.posted]
    beyond_s = _percentile(final, 50) - _percentile(itself, 50)
    return [
        below(f"POST to included at {CALM_PACE}/s, p50", _percentile(included, 50), "s", bound=2),
        below("POST to final, p50, beyond what the chain itself takes", beyond_s, "s", bound=1),
        reported("what the chain itself takes, p50", _percentile(itself, 50), "s"),
        reported("POST to included, p99", _percentile(included, 99), "s"),
        *_percentiles("POST to final", final, "s"),
        *_percentiles(f"POST to answer at {CALM_PACE}/s", [1_000 * one for one in calm.latencies_s], "ms"),
    ]


async def _drained_s(world: World, busy: Answers) -> float:
    """Return how long after the last POST the last mint was final."""
    times = await world.times()
    return max(times[one.purchase_id].final_s for one in busy.posted) - max(one.at_s for one in busy.posted)


def _percentiles(name: str, values: list[float], unit: str) -> list[Check]:
    """Return the median and the slowest hundredth."""
    return [reported(f"{name}, p{number}", _percentile(values, number), unit) for number in (50, 99)]


def _percentile(values: list[float], number: int) -> float:
    """Return a percentile."""
    return quantiles(values, n=100)[number - 1]


@asynccontextmanager
async def _world(folder: Path) -> AsyncIterator[World]:
    """Yield the whole system, up and furnished."""
    program = await asyncio.to_thread(find_anvil, environment())
    stack = Stack(folder, anvil=program, gas_limit=GAS_LIMIT)
    await asyncio.to_thread(stack.start)
    try:
        dsn = stack.plan.dsn(stack.postgres, "cashback", "cashback_api")
        async with Database.open(dsn, name="bench") as database:
            cast = await furnish(database)
        yield World(stack, cast, [])
    finally:
        await asyncio.to_thread(stack.stop)
