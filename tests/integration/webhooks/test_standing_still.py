"""A worker of webhooks that stands still for longer than its claims, at every point, beside one that goes on."""

import asyncio
import sys
from pathlib import Path

import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.bus.durable import backlog
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.failpoints import POINTS
from cashback.processes.embedded import CashbackProcess, EmbeddedNats
from cashback.webhooks.consumer import NAME
from tests.integration.webhooks.test_process import are_delivered, started, tell, worker
from tests.integration.webhooks.world import WRONG_LOGS, World, eventually, refunded
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, recovers

APART = frozenset({"failure.noted", "letter.buried"})
"""Points to which nothing leads while nothing fails."""

pytestmark = pytest.mark.deep


async def stands_still(process: CashbackProcess) -> bool:
    """Tell whether a process has reached its trap."""
    return "failpoint.reached" in await asyncio.to_thread(process.log.read_text)


async def is_worked_off(bus: Bus) -> bool:
    """Tell whether the broker has an answer for every event."""
    count, _ = await backlog(bus, stream=EVENTS.name, name=NAME, types=())
    return count == 0


@pytest.mark.invariant("I4", "I5")
@pytest.mark.parametrize("point", sorted(POINTS["worker webhooks"] - APART))
async def test_a_worker_that_stood_still_at_a_point_beyond_its_claims_loses_no_delivery(
    world: World, bus: Bus, broker: EmbeddedNats, tmp_path: Path, point: str
) -> None:
    """Within ten seconds another has delivered what it had in hand, and what is new.

    When it wakes, what it notes is another's. A try may have been made twice, under the same id; the log has it once.
    """
    await world.endpoint()
    events = [refunded() for _ in range(60)]
    for name in ("sleeper", "heir"):
        (tmp_path / name).mkdir()
    async with (
        started(worker(world, broker, tmp_path / "sleeper", CASHBACK_FAILPOINTS=f"{point}=stop")) as sleeper,
        started(worker(world, broker, tmp_path / "heir")) as heir,
    ):
        await asyncio.to_thread(heir.pause)
        await tell(bus, *events[:20])
        await eventually(lambda: stands_still(sleeper))
        try:
            await tell(bus, *events[20:40])
            await asyncio.to_thread(heir.resume)
            what = f"the work of a worker that stands still at {point} is done"
            took_s = await recovers(lambda: are_delivered(world, 40), within_s=RECOVERS_PROCESS_WITHIN_S, what=what)
            sys.stdout.write(f"{what}: {took_s:.1f} s\n")
        finally:
            sleeper.resume()
        await tell(bus, *events[40:])
        await eventually(lambda: are_delivered(world, 60))
        await eventually(lambda: is_worked_off(bus))
        assert sleeper.is_running
    assert {got.id for got in world.shop.got} == {each.id for each in events}
    assert world.rows("select count(*), count(distinct event_id) from webhooks.deliveries") == [(60, 60)]
    assert world.rows(WRONG_LOGS) == []
