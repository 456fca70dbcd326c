"""The chain's node paused and restarted under load: its pool is forgotten, what it mined is not."""

import asyncio
import random

import pytest

from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.load import Load
from tests.support.stack import WholeSystem

pytestmark = pytest.mark.deep


@pytest.mark.invariant("I2", "I4", "I9")
async def test_a_node_restarted_under_load_mints_everything_once(stack: WholeSystem, chance: random.Random) -> None:
    """Transactions that were only in its pool are sent again, the same bytes; those in a block are recognised."""
    async with Load.on(stack) as load:
        for _ in range(3):
            await load.goes_on(chance.randint(10, 60))
            await asyncio.to_thread(stack.anvil.restart)
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.invariant("I2", "I4", "I9")
async def test_a_node_that_hangs_under_load_mints_everything_once(stack: WholeSystem, chance: random.Random) -> None:
    """Sends that were not answered are unknown, not failed."""
    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(10, 60))
        await asyncio.to_thread(stack.anvil.pause)
        await load.goes_on(250)
        stack.anvil.resume()
        await load.goes_on(20)
    await assert_nothing_lost_or_doubled(stack, load)
