"""Kill -9 of workers and relays at every named point, and SIGSTOP beyond the lease, under load, in the whole system."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Final

import pytest

from cashback.events.ledger import CashbackApproved, TokenMintRequested
from cashback.kernel.bus import Bus, event_message, publish
from cashback.kernel.clock import SystemClock
from cashback.kernel.failpoints import POINTS
from cashback.kernel.ids import new_id
from cashback.processes.embedded import CashbackProcess, free_port
from cashback.processes.stack import PROCESSES
from tests.chaos.adapter_stage import ended_by_itself
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, recovered
from tests.support.stack import IMPATIENT, WholeSystem, whole_system

SERVICES: Final = {
    "worker-mint": "worker mint",
    "worker-ledger": "worker ledger",
    "relay-cashback": "relay",
    "relay-minting": "relay",
}
"""The processes that are killed here: by their names in the stack, the names that their points go by."""

CONSUMED: Final = {"worker-mint": TokenMintRequested.TYPE, "worker-ledger": CashbackApproved.TYPE}
"""A type of event that each worker consumes."""

APART: Final = frozenset({"failure.noted", "letter.buried", "lanes.releasing"})
"""Points that no load leads to."""

ONCE: Final = frozenset({"lanes.taken"})
"""Points that a process may go past a single time in its life."""

STANDS_WITHIN_S: Final = 60.0

pytestmark = pytest.mark.deep


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I5", "I8")
@pytest.mark.parametrize(
    "service,point", [(service, point) for service, name in SERVICES.items() for point in sorted(POINTS[name] - APART)]
)
async def test_a_process_killed_at_a_point_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, tmp_path: Path, service: str, point: str
) -> None:
    """What was begun is rolled back, or comes again and is known; each purchase is minted once, and all books agree."""
    async with Load.on(stack) as load:
        await load.goes_on(10)
        await asyncio.to_thread(stack.processes[service].stop)
        for nth in (1, 1) if point in ONCE else (1, 2):
            await dies_at(stack, service, f"{point}=kill@{nth}", load, tmp_path)
        within_s, what = RECOVERS_PROCESS_WITHIN_S, f"kill -9 of {service} at {point}"
        async with recovered(stack, load, within_s=within_s, what=what):
            await asyncio.to_thread(stack.processes[service].start)
        await load.goes_on(10)
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I5", "I6")
@pytest.mark.parametrize(
    "service,point", [(service, point) for service, name in SERVICES.items() for point in sorted(POINTS[name] - APART)]
)
async def test_a_process_that_stood_still_at_a_point_beyond_its_lease_does_no_harm_when_it_wakes(
    stack: WholeSystem, tmp_path: Path, service: str, point: str
) -> None:
    """Its successor goes on within ten seconds, inside a transaction too: the database throws out who stands there."""
    async with Load.on(stack) as load:
        await load.goes_on(10)
        await asyncio.to_thread(stack.processes[service].stop)
        sleeper = armed(stack, service, f"{point}=stop", tmp_path)
        async with standing_still(sleeper, load):
            what = f"{service} standing still at {point}"
            async with recovered(stack, load, within_s=RECOVERS_PROCESS_WITHIN_S, what=what):
                await asyncio.to_thread(stack.processes[service].start)
        await load.goes_on(60)
        assert sleeper.is_running
        await asyncio.to_thread(sleeper.stop)
    await assert_nothing_lost_or_doubled(stack, load)


@asynccontextmanager
async def standing_still(process: CashbackProcess, load: Load) -> AsyncIterator[None]:
    """Start an armed process, yield once it stands still for longer than its leases, and wake it at the end."""
    starting = asyncio.create_task(asyncio.to_thread(process.start))
    try:

        async def look() -> bool | None:
            said = await asyncio.to_thread(process.log.read_text) if process.log.exists() else ""
            if "failpoint.reached" in said:
                return True
            await load.goes_on(1)
            return None

        await eventually(look, within_s=STANDS_WITHIN_S, what="it stands still")
        yield
    finally:
        process.resume()
        await starting


@pytest.fixture
def own_stack(tmp_path: Path, anvil_program: Path) -> Iterator[WholeSystem]:
    """Give a system of its own to one test: a dead letter cannot be taken away, and the others' system has none."""
    with whole_system(tmp_path / "stack", anvil_program, changes=IMPATIENT) as system:
        yield system


@pytest.mark.invariant("I4", "I5")
@pytest.mark.parametrize("point", ["failure.noted", "letter.buried"])
async def test_a_worker_killed_when_it_has_noted_or_buried_an_event_buries_it_once(
    own_stack: WholeSystem, tmp_path: Path, point: str
) -> None:
    """The event comes again, is given up again, and is known to the stream of dead letters.

    The worker of webhooks, which hears of every event, gives each up as well.
    """
    async with Load.on(own_stack) as load:
        for service, type_ in CONSUMED.items():
            await asyncio.to_thread(own_stack.processes[service].stop)
            await publish_nonsense(own_stack, type_)
            await dies_at(own_stack, service, f"{point}=kill", load, tmp_path)
            await asyncio.to_thread(own_stack.processes[service].start)
            await load.goes_on(10)
    await assert_nothing_lost_or_doubled(own_stack, load, given_up=2 * len(CONSUMED))


@pytest.mark.invariant("I4", "I5")
@pytest.mark.parametrize("service", [service for service, name in SERVICES.items() if name == "relay"])
async def test_a_relay_killed_when_it_gives_its_lanes_back_holds_up_nobody_for_longer_than_its_lease(
    stack: WholeSystem, tmp_path: Path, service: str
) -> None:
    """It was told to stop and had finished its batch; whoever comes next waits for the lease and goes on."""
    async with Load.on(stack) as load:
        await load.goes_on(10)
        await asyncio.to_thread(stack.processes[service].stop)
        process = armed(stack, service, "lanes.releasing=kill", tmp_path)
        await asyncio.to_thread(process.start)
        await load.goes_on(10)
        await asyncio.to_thread(process.stop)
        assert process.exit_code == -SIGKILL
        assert "failpoint.reached" in await asyncio.to_thread(process.log.read_text)
        await asyncio.to_thread(stack.processes[service].start)
        await load.goes_on(10)
    await assert_nothing_lost_or_doubled(stack, load)


async def dies_at(stack: WholeSystem, service: str, trap: str, load: Load, folder: Path) -> None:
    """Run a worker in the place of the stack's own, until it has ended itself."""
    process = armed(stack, service, trap, folder)
    try:
        await ended_by_itself(process, trap, meanwhile=lambda: load.goes_on(1))
    finally:
        await asyncio.to_thread(process.kill)


def armed(stack: WholeSystem, service: str, trap: str, folder: Path) -> CashbackProcess:
    """Return a process that takes the place of one of the stack's own, and ends itself at `trap`."""
    probe = free_port()
    traps = {"CASHBACK_DEVELOPMENT": "true", "CASHBACK_FAILPOINTS": trap, "CASHBACK_PROBE_PORT": str(probe)}
    settings = stack.settings(service) | traps
    return CashbackProcess(*PROCESSES[service], log=folder / f"{service}.log", port=probe, settings=settings)


async def publish_nonsense(stack: WholeSystem, type_: str) -> None:
    """Publish an event that no worker can read."""
    message = event_message(
        id=new_id("evt"),
        type=type_,
        source="/cashback/test",
        key="cb_nobody",
        time=SystemClock().now(),
        traceparent=None,
        partition=0,
        data=b"nonsense",
    )
    async with Bus.connect(stack.nats.url(), name="test") as bus:
        await bus.wait_connected()
        await publish(bus, [message])


def test_every_process_with_points_is_killed_at_them() -> None:
    """The adapter, the API and the worker of webhooks have tests of their own."""
    assert POINTS.keys() == {"adapter", "api", "worker webhooks", *SERVICES.values()}
