"""A replay that a person ends half way while the worker that takes it in is killed: a second one makes up for it."""

import asyncio
import signal
from pathlib import Path
from signal import SIGKILL
from typing import Final

import pytest

from cashback.cli.command import EXIT_INTERRUPTED
from cashback.kernel.bus import Bus
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.world import count_stored
from tests.integration.cli.launch import launched
from tests.integration.webhooks.test_process import are_delivered, started, tell, worker
from tests.integration.webhooks.test_standing_still import is_worked_off
from tests.integration.webhooks.world import WRONG_LOGS, World, eventually, refunded
from tests.support.nats_proxy import NatsProxy, Weather

COUNT: Final = 40
SLOW: Final = Weather(delay_s=0.2)
"""So late that the replay is under way when it is interrupted."""

ENDS_WITHIN_S: Final = 20.0

pytestmark = pytest.mark.deep


@pytest.mark.invariant("I4", "I5")
@pytest.mark.parametrize("point", ["batch.taken", "batch.applied"])
async def test_a_worker_killed_while_a_replay_is_interrupted_applies_nothing_twice_and_a_second_completes(
    world: World, bus: Bus, broker: EmbeddedNats, tmp_path: Path, point: str
) -> None:
    """Its inbox knows what it had applied, whichever copy of an event comes: the shop heard of each event once."""
    await world.endpoint()
    for name in ("before", "killed", "after"):
        (tmp_path / name).mkdir()
    async with started(worker(world, broker, tmp_path / "before")):
        await tell(bus, *(refunded() for _ in range(COUNT)))
        await eventually(lambda: are_delivered(world, COUNT))
        await eventually(lambda: is_worked_off(bus))
    killed = worker(world, broker, tmp_path / "killed", CASHBACK_FAILPOINTS=f"{point}=kill")
    async with started(killed), NatsProxy.before(broker.url()) as proxy:
        proxy.weather = SLOW
        settings = {"CASHBACK_NATS_URL": proxy.url(broker.url())}
        with launched(tmp_path / "first", "replay", settings=settings) as running:

            async def is_under_way() -> bool:
                """Tell whether an event was published again."""
                assert running.process.poll() is None, running.said
                return await count_stored(bus) > COUNT

            await eventually(is_under_way)
            proxy.part("to_client")
            running.tell(signal.SIGINT)
            assert await asyncio.to_thread(running.ended, within_s=ENDS_WITHIN_S) == EXIT_INTERRUPTED, running.said

        async def has_ended() -> bool:
            """Tell whether the worker is no more."""
            return killed.exit_code is not None

        await eventually(has_ended)
        assert killed.exit_code == -SIGKILL
    with launched(tmp_path / "second", "replay", settings={"CASHBACK_NATS_URL": broker.url()}) as running:
        assert await asyncio.to_thread(running.ended) == 0, running.said
        assert running.said.endswith(f"{COUNT} events were published again\n")
    async with started(worker(world, broker, tmp_path / "after")):
        await eventually(lambda: is_worked_off(bus))
    assert world.rows("select count(*), count(distinct event_id) from webhooks.deliveries") == [(COUNT, COUNT)]
    assert len(world.shop.got) == COUNT
    assert world.rows(WRONG_LOGS) == []
