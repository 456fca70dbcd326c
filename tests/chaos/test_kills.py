"""Kill -9 and SIGTERM at random moments under load."""

import asyncio
import random
import signal

import pytest

from cashback.processes.embedded import CashbackProcess, EmbeddedNats, answers
from cashback.processes.stack import PROCESSES
from tests.chaos.verdict import READY_WITHIN_S, assert_nothing_lost_or_doubled
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, RECOVERS_SERVER_WITHIN_S, Flow, recovered
from tests.support.stack import WholeSystem

pytestmark = pytest.mark.timeout(300)


@pytest.mark.invariant("I2", "I4", "I5", "I7")
async def test_every_process_and_the_broker_killed_once_under_load_lose_and_double_nothing(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Whatever was between two writes when it died, every accepted purchase is minted exactly once."""
    await kill_all(stack, chance)


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5", "I7")
@pytest.mark.parametrize("round_number", range(6))
async def test_killing_all_over_and_over_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random, round_number: int
) -> None:
    """As above at other moments, on what the rounds before left behind."""
    await kill_all(stack, chance)


@pytest.mark.invariant("I4", "I5")
async def test_sigterm_ends_each_process_and_nothing_is_lost(stack: WholeSystem, chance: random.Random) -> None:
    """In the middle of work each one ends by itself, not killed by who waits for it, and its successor goes on."""
    codes: dict[str, int | None] = {}
    async with Load.on(stack) as load:
        for name in chance.sample(list(PROCESSES), k=len(PROCESSES)):
            await load.goes_on(chance.randint(1, 20))
            await asyncio.to_thread(stack.processes[name].stop)
            codes[name] = stack.processes[name].exit_code
            await asyncio.to_thread(stack.processes[name].start)
    assert codes == dict.fromkeys(PROCESSES, 0)
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.invariant("I4", "I5", "I7")
async def test_sigterm_ends_each_process_though_the_database_is_frozen_and_nothing_is_lost(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Each is in the middle of a statement that nobody answers, and still need not be killed.

    What it began is unknown, and repeated.
    """
    codes: dict[str, int | None] = {}

    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(1, 20))
        await asyncio.to_thread(stack.postgres.pause)
        try:
            await asyncio.gather(*[not_ready(process.port) for process in stack.processes.values()])
            for name in chance.sample(list(PROCESSES), k=len(PROCESSES)):
                await asyncio.to_thread(stack.processes[name].stop)
                codes[name] = stack.processes[name].exit_code
        finally:
            stack.postgres.resume()
        await asyncio.gather(*[asyncio.to_thread(process.start) for process in stack.processes.values()])
        await load.goes_on(20)
    assert codes.keys() == PROCESSES.keys()
    assert [name for name, code in codes.items() if code in (None, -signal.SIGKILL)] == []
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5", "I7")
@pytest.mark.parametrize("round_number", range(3))
async def test_killing_postgresql_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random, round_number: int
) -> None:
    """What was acknowledged survives; what was not is repeated under its key, by everyone who talks to a database."""
    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(10, 60))
        flow = Flow(stack, load)
        await asyncio.to_thread(stack.postgres.kill)
        async with recovered(stack, load, within_s=RECOVERS_SERVER_WITHIN_S, what="kill -9 of PostgreSQL", flow=flow):
            await asyncio.to_thread(stack.postgres.start)
        await load.goes_on(20)
    await assert_nothing_lost_or_doubled(stack, load)


async def kill_all(stack: WholeSystem, chance: random.Random) -> None:
    """Kill and restart every process and the broker, one after the other, and see that nothing was lost or doubled."""
    names: dict[CashbackProcess | EmbeddedNats, str] = {process: name for name, process in stack.processes.items()}
    names[stack.nats] = "the broker"
    async with Load.on(stack) as load:
        for victim in chance.sample(list(names), k=len(names)):
            await load.goes_on(chance.randint(1, 20))
            await asyncio.to_thread(victim.kill)
            within_s = RECOVERS_SERVER_WITHIN_S if victim is stack.nats else RECOVERS_PROCESS_WITHIN_S
            # Its start is part of it.
            async with recovered(stack, load, within_s=within_s, what=f"kill -9 of {names[victim]}"):
                await asyncio.to_thread(victim.start)
    await assert_nothing_lost_or_doubled(stack, load)


async def not_ready(port: int) -> None:
    """Return when a process says that a neighbour does not answer it."""

    async def look() -> bool | None:
        return None if await asyncio.to_thread(answers, port, "/readyz") else True

    await eventually(look, within_s=READY_WITHIN_S, what="it has noticed")
