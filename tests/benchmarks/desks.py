"""Processes that take purchases, as the load sees them: the real API, and whatever stands in for it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
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
from tests.benchmarks.checks import Check, reported
from tests.benchmarks.load import CONNECTIONS, Answers, Offer, offered
from tests.benchmarks.shop import Shop

ROUND_S: Final = 2.5
CROWD_S: Final = 5.0
CROWDS: Final = (1, 16, 64, 256)
"""With so many connections answers are timed, each sending as fast as it is answered."""

_runs: Final = count(1)


class Desk:
    """One API process as the load sees it; counts what it accepted and refused."""

    def __init__(self, shop: Shop, port: int) -> None:
        """Send to `port`."""
        self._shop = shop
        self.port = port
        self.accepted = 0
        self.refused = 0

    async def answers(
        self,
        *,
        duration_s: float = ROUND_S,
        pace: float | None = None,
        path: str | None = None,
        connections: int = CONNECTIONS,
    ) -> Answers:
        """Return what one round brought."""
        shop = self._shop
        given = Offer(
            port=self.port,
            api_key=shop.operator_key,
            cast=shop.cast,
            run=f"round-{next(_runs)}",
            duration_s=duration_s,
            pace=pace,
            path=path or "/v1/purchases",
            connections=connections,
        )
        answers = await offered(given)
        if path is None:
            self.accepted += len(answers.posted)
        self.refused += answers.refused
        return answers

    async def rate(self, *, connections: int = CONNECTIONS) -> float:
        """Return the accept rate of one round."""
        return (await self.answers(connections=connections)).rate

    async def crowds(self, whose: str) -> list[Check]:
        """Return rate and latencies by how many connections send at once, each as fast as it is answered."""
        checks = []
        for connections in CROWDS:
            answers = await self.answers(duration_s=CROWD_S, connections=connections)
            name = f"{whose}, {connections} at once"
            checks += [
                reported(name, answers.rate, "purchases/s"),
                reported(f"{name}, p50", answers.latency_ms(50), "ms"),
                reported(f"{name}, p99", answers.latency_ms(99), "ms"),
            ]
        return checks


def settings_of(folder: Path, shop: Shop) -> dict[str, str]:
    """Return the settings of the API; there is no broker, and it needs none."""
    return shop.plan.settings("api", postgres=shop.postgres, nats=EmbeddedNats(folder / "nats"), chain={})


@asynccontextmanager
async def real(folder: Path, shop: Shop) -> AsyncIterator[Desk]:
    """Yield `cashback api`, as an operator starts it."""
    settings = settings_of(folder, shop)
    process = CashbackProcess("api", log=folder / "api.log", port=shop.plan.ports.api, settings=settings)
    await asyncio.to_thread(process.start)
    try:
        yield Desk(shop, process.port)
    finally:
        await asyncio.to_thread(process.stop)


@asynccontextmanager
async def served(command: Sequence[str], *, log: Path, port: int, settings: Mapping[str, str]) -> AsyncIterator[Child]:
    """Yield a process that stands in for the API, ready; of our own settings it has those given, and no others."""
    inherited = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
    launch = Launch(
        command=tuple(command),
        env={**inherited, **settings},
        ready=lambda pid: port in listening_ports(pid) and answers(port, "/readyz"),
    )
    child = Child(command[-1], log, lambda: launch)
    await asyncio.to_thread(child.start)
    try:
        yield child
    finally:
        await asyncio.to_thread(child.stop)


def beside(folder: Path, shop: Shop) -> tuple[int, dict[str, str]]:
    """Return a free port, and the settings of an API that serves there, beside the real one."""
    port = free_port()
    own = {"CASHBACK_API_PORT": str(port), "CASHBACK_PROBE_PORT": str(free_port())}
    return port, settings_of(folder, shop) | own
