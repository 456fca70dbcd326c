"""Faults of every kind, several at a time, for as long as asked for."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from cashback.processes.embedded import CashbackProcess, ChildFailed, EmbeddedAnvil, EmbeddedNats, eventually
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.load import Load
from tests.support.stack import WholeSystem

ROUNDS = 60
FAULTS_AT_ONCE = 3
WAVES = 3
STARTED_WITHIN_S = 60.0

Fault = Callable[[], Awaitable[None]]

pytestmark = pytest.mark.soak


@pytest.mark.invariant("I2", "I4", "I5", "I7", "I9")
@pytest.mark.parametrize("round_number", range(ROUNDS))
async def test_a_storm_of_faults_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random, round_number: int
) -> None:
    """Three waves of three different faults at the same time, on what the storms before left behind."""
    async with Load.on(stack) as load:
        for _ in range(WAVES):
            await load.goes_on(chance.randint(1, 40))
            faults = chance.sample(faults_of(stack, load, chance), k=FAULTS_AT_ONCE)
            await asyncio.gather(*(fault() for fault in faults))
    await assert_nothing_lost_or_doubled(stack, load)


def faults_of(stack: WholeSystem, load: Load, chance: random.Random) -> list[Fault]:
    """Return one fault of every kind and victim; no two of them touch the same server or process."""
    processes = list(stack.processes.values())
    faults = [chance.choice((killing(one), pausing(one, load, chance))) for one in processes if one.name != "api"]
    faults += [killing(stack.processes["api"]), killing_postgres(stack)]
    faults.append(chance.choice((killing(stack.nats), wiping(stack), pausing(stack.nats, load, chance))))
    faults.append(chance.choice((stopping(stack.anvil), pausing(stack.anvil, load, chance))))
    return faults


def killing(victim: CashbackProcess | EmbeddedNats) -> Fault:
    """Return the fault that kills and restarts."""

    async def fault() -> None:
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(started, victim)

    return fault


def killing_postgres(stack: WholeSystem) -> Fault:
    """Return the fault that kills and restarts the database server."""

    async def fault() -> None:
        await asyncio.to_thread(stack.postgres.kill)
        await asyncio.to_thread(stack.postgres.start)

    return fault


def wiping(stack: WholeSystem) -> Fault:
    """Return the fault that kills, wipes and restarts the broker."""

    async def fault() -> None:
        await asyncio.to_thread(stack.nats.kill)
        await stack.wipe_broker()
        await asyncio.to_thread(stack.nats.start)

    return fault


def stopping(node: EmbeddedAnvil) -> Fault:
    """Return the fault that stops and restarts the node, which forgets its pool."""

    async def fault() -> None:
        await asyncio.to_thread(node.restart)

    return fault


def pausing(victim: CashbackProcess | EmbeddedNats | EmbeddedAnvil, load: Load, chance: random.Random) -> Fault:
    """Return the fault that freezes for a while, up to longer than any lease, and lets go on."""

    async def fault() -> None:
        await asyncio.to_thread(victim.pause)
        try:
            await load.goes_on(chance.randint(1, 250))
        finally:
            victim.resume()

    return fault


def started(victim: CashbackProcess | EmbeddedNats) -> None:
    """Start, as often as it takes: a process may end at once while a neighbour that it needs is away."""

    def stays() -> bool:
        try:
            victim.start()
        except ChildFailed:
            return False
        return True

    assert eventually(stays, within_s=STARTED_WITHIN_S)
