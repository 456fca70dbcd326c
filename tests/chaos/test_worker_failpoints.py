"""Kill -9 of the mint worker and of the ledger worker at every named point, under load, in the whole system."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from cashback.kernel.failpoints import POINTS
from cashback.processes.embedded import CashbackProcess, free_port
from cashback.processes.stack import PROCESSES
from tests.chaos.adapter_stage import ended_by_itself
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.load import Load
from tests.support.stack import WholeSystem

WORKERS: Final = {"worker mint": "worker-mint", "worker ledger": "worker-ledger"}
"""The processes with points of their own, and their names in the stack."""

pytestmark = pytest.mark.deep


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I5", "I8")
@pytest.mark.parametrize("name,point", [(name, point) for name in WORKERS for point in sorted(POINTS[name])])
async def test_a_worker_killed_at_a_point_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, tmp_path: Path, name: str, point: str
) -> None:
    """What was begun is rolled back, or comes again and is known; each purchase is minted once, and all books agree."""
    service = WORKERS[name]
    async with Load.on(stack) as load:
        await load.goes_on(10)
        await asyncio.to_thread(stack.processes[service].stop)
        for nth in (1, 2):
            await dies_at(stack, service, f"{point}=kill@{nth}", load, tmp_path)
        await asyncio.to_thread(stack.processes[service].start)
        await load.goes_on(10)
    await assert_nothing_lost_or_doubled(stack, load)


async def dies_at(stack: WholeSystem, service: str, trap: str, load: Load, folder: Path) -> None:
    """Run a worker in the place of the stack's own, until it has ended itself."""
    probe = free_port()
    armed = {"CASHBACK_DEVELOPMENT": "true", "CASHBACK_FAILPOINTS": trap, "CASHBACK_PROBE_PORT": str(probe)}
    settings = stack.settings(service) | armed
    process = CashbackProcess(*PROCESSES[service], log=folder / f"{service}.log", port=probe, settings=settings)
    try:
        await ended_by_itself(process, trap, meanwhile=lambda: load.goes_on(1))
    finally:
        await asyncio.to_thread(process.kill)


def test_every_process_with_points_is_killed_at_them() -> None:
    """The adapter and the API have tests of their own."""
    assert POINTS.keys() == {"adapter", "api", *WORKERS}
