"""64 customers at once, each buying again as soon as it is answered: nobody is refused, nothing is lost (I4, I7)."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from cashback.kernel.clock import monotonic_s
from cashback.processes.embedded import CashbackProcess
from tests.benchmarks.desks import Desk, settings_of
from tests.benchmarks.shop import open_shop
from tests.support.memory import resident_mib

LOOK_EVERY_S: Final = 0.5
GROWTH_MAX: Final = 1.05
"""How much memory the second half of a long load may take, against the least of it."""


async def loaded(folder: Path, *, duration_s: float) -> list[float]:
    """Return the memory of the API in MiB, from look to look, once a load has left what it should.

    Raises:
        AssertionError: somebody was refused, or a row is too many, too few or wrong.
    """
    async with open_shop(folder) as shop:
        before = await shop.rows()
        settings = settings_of(folder, shop)
        process = CashbackProcess("api", log=folder / "api.log", port=shop.plan.ports.api, settings=settings)
        await asyncio.to_thread(process.start)
        try:
            desk = Desk(shop, process.port)
            load = asyncio.create_task(desk.answers(duration_s=duration_s))
            memory = await _memory(process, until=load)
            answers = await load
        finally:
            await asyncio.to_thread(process.stop)
        assert answers.refused == 0
        assert len({posted.purchase_id for posted in answers.posted}) == len(answers.posted) > 0
        assert await shop.astray(before, len(answers.posted)) == 0
    return memory


async def _memory(process: CashbackProcess, *, until: "asyncio.Task[object]") -> list[float]:
    """Return how many MiB a process held, looked at until a task is done."""
    looks = []
    begun_s = monotonic_s()
    while not until.done():
        looks.append(resident_mib(process.pid))
        await asyncio.wait([until], timeout=begun_s + len(looks) * LOOK_EVERY_S - monotonic_s())
    return looks


@pytest.mark.invariant("I4", "I7")
async def test_nobody_of_64_is_refused_and_each_purchase_is_there_once(tmp_path: Path) -> None:
    """For five seconds: every row that a purchase leaves, counted, and every balance (I4, I7)."""
    assert await loaded(tmp_path, duration_s=5.0)


@pytest.mark.deep
@pytest.mark.invariant("I4", "I7")
async def test_a_minute_of_it_takes_no_more_memory_than_half_of_it(tmp_path: Path) -> None:
    """What the second half holds stays within a twentieth (I4, I7)."""
    memory = await loaded(tmp_path, duration_s=60.0)
    half = memory[len(memory) // 2 :]
    assert len(half) > 20
    assert max(half) <= GROWTH_MAX * min(half), half
