"""`api_layers`: what each layer around a handler costs, in processor time for each request.

Method. Processes side by side, each the whole application of `cashback api` over a handler that does nothing
(layered_api.py): with every layer, without one of them, with the router alone, and the server with nothing behind it.
They are asked in turns by 64 connections, as fast as they answer; each process's own processor time is read from /proc
before and after, so that neither the client nor the database counts. What a layer costs is the median, over seven
rounds, of what the whole takes more than the one without it. Layers are found by walking from the outside in: one that
is added later is measured without being named here.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, cast

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.processes.api import application, services_over
from cashback.processes.embedded import Child
from cashback.purchases import ApiKeys
from tests.benchmarks.api import NOTHING as PATH
from tests.benchmarks.checks import Check, exactly, reported
from tests.benchmarks.cpu import used_s
from tests.benchmarks.desks import Desk, beside, served
from tests.benchmarks.layered_api import EVERYTHING, INSIDE, NOTHING, ROUTER, layers_of
from tests.benchmarks.pairs import all_in_turns
from tests.benchmarks.shop import Shop, open_shop


class Layered:
    """One process that is short of something."""

    def __init__(self, desk: Desk, process: Child) -> None:
        """Ask `process` by `desk`."""
        self.desk = desk
        self._process = process

    async def spent_us(self) -> float:
        """Return the processor time of one round, in microseconds for each request."""
        before_s = used_s(self._process.pid)
        answers = await self.desk.answers(path=PATH)
        return (used_s(self._process.pid) - before_s) / len(answers.latencies_s) * 1_000_000


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    names = [NOTHING, *layers(), EVERYTHING, ROUTER]
    async with open_shop(folder) as shop, AsyncExitStack() as stack:
        asked = [await stack.enter_async_context(_short_of(name, folder, shop)) for name in names]
        spent = dict(zip(names, await all_in_turns(*(each.spent_us for each in asked)), strict=True))
        refused = sum(each.desk.refused for each in asked)
    whole = spent[NOTHING]
    return [
        reported("a request to the handler that does nothing, every layer", median(whole), "us"),
        *[reported(f"of that {name}", _saved(whole, spent[name]), "us") for name in layers()],
        reported("the router alone, without any layer", median(spent[EVERYTHING]), "us"),
        reported("the server alone", median(spent[ROUTER]), "us"),
        exactly("requests not accepted", refused, "requests", expected=0),
    ]


def layers() -> list[str]:
    """Return the names of all layers around a handler, from the outside in; nothing is connected to for it."""
    nothing, clock = cast("Any", None), SystemClock()
    app = application(
        services=services_over(nothing, nothing, nothing, clock=clock, endpoints=nothing),
        keys=ApiKeys(nothing, clock=clock, pepper=Secret("")),
        checks={},
    )
    return [*(type(layer).__name__ for layer in layers_of(app)), INSIDE]


def _saved(whole: list[float], without: list[float]) -> float:
    """Return what is saved without a layer: the median over the rounds."""
    return median(one - other for one, other in zip(whole, without, strict=True))


@asynccontextmanager
async def _short_of(name: str, folder: Path, shop: Shop) -> AsyncIterator[Layered]:
    """Yield a process that is short of the layer of that name."""
    port, settings = beside(folder, shop)
    command = (sys.executable, "-m", "tests.benchmarks.layered_api", name)
    async with served(command, log=folder / f"without-{name}.log", port=port, settings=settings) as process:
        yield Layered(Desk(shop, port), process)
