"""The chain's node paused and restarted under load: its pool is forgotten, what it mined is not."""

import asyncio
import random

import pytest

from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.facts import pause
from tests.support.load import Load
from tests.support.stack import WholeSystem

pytestmark = pytest.mark.deep


@pytest.mark.invariant("I2", "I4", "I9")
async def test_a_node_restarted_under_load_mints_everything_once(stack: WholeSystem, chance: random.Random) -> None:
    """Transactions that were only in its pool are sent again, the same bytes; those in a block are recognised."""
    async with Load.on(stack) as load:
        for _ in range(3):
            await pause(chance.uniform(0.5, 1.5))
            await asyncio.to_thread(stack.anvil.restart)
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.invariant("I2", "I4", "I9")
async def test_a_node_that_hangs_under_load_mints_everything_once(stack: WholeSystem, chance: random.Random) -> None:
    """Sends that were not answered are unknown, not failed."""
    async with Load.on(stack) as load:
        await pause(chance.uniform(0.5, 1.5))
        await asyncio.to_thread(stack.anvil.pause)
        await pause(6)
        stack.anvil.resume()
        await pause(1)
    await assert_nothing_lost_or_doubled(stack, load)
