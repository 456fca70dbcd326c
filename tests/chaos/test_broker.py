"""The broker's storage wiped: what was only there comes again from the databases, and is applied once."""

import asyncio
import random

import pytest

from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.facts import eventually, pause
from tests.support.load import Load, Shop
from tests.support.stack import WholeSystem, stopped

PUBLISHED_WITHIN_S = 20.0
UNPUBLISHED = """
    select 1
    from {schema}.outbox_events as event
    join {schema}.outbox_cursors as cursor using (partition)
    where event.position > cursor.position
    limit 1
"""


@pytest.mark.invariant("I2", "I4", "I5")
async def test_requests_lost_with_the_brokers_storage_are_issued_again_and_minted_once(stack: WholeSystem) -> None:
    """Published and consumed by nobody, then wiped: the ledger's sweep publishes the stored requests again."""
    await wipe_while_asleep(stack, "worker-mint")


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5")
async def test_approvals_and_outcomes_lost_with_the_brokers_storage_are_made_up_for(stack: WholeSystem) -> None:
    """Approved and never requested, or minted and never told: the sweep requests, and minting tells again."""
    await wipe_while_asleep(stack, "worker-ledger")


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5")
async def test_a_broker_killed_and_wiped_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Whatever was published, delivered or acknowledged at that moment."""
    async with Load.on(stack) as load:
        await pause(chance.uniform(0.5, 2.0))
        await asyncio.to_thread(stack.nats.kill)
        stack.nats.wipe()
        await pause(chance.uniform(0.0, 2.0))
        await asyncio.to_thread(stack.nats.start)
        await pause(1)
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.deep
@pytest.mark.invariant("I4", "I5")
async def test_a_broker_that_hangs_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Paused for longer than any deadline, so that nobody knows what it has stored."""
    async with Load.on(stack) as load:
        await pause(chance.uniform(0.5, 2.0))
        await asyncio.to_thread(stack.nats.pause)
        await pause(8)
        stack.nats.resume()
        await pause(1)
    await assert_nothing_lost_or_doubled(stack, load)


async def wipe_while_asleep(stack: WholeSystem, consumer: str) -> None:
    """Lose the broker's storage while it holds what `consumer` has not taken, and see that nothing is lost by it."""
    async with Shop.open(stack) as shop:
        customer = await shop.customer()
        async with stopped(stack.processes[consumer]):
            load = Load(shop, [customer], per_second=40)
            async with load.running():
                await pause(0.5)
            await published(stack)
            await asyncio.to_thread(stack.nats.kill)
            stack.nats.wipe()
            await asyncio.to_thread(stack.nats.start)
    await assert_nothing_lost_or_doubled(stack, load)


async def published(stack: WholeSystem) -> None:
    """Return once the relays have published everything that the outboxes hold."""

    async def look() -> bool | None:
        waiting = [
            stack.rows(database, UNPUBLISHED.format(schema=schema))
            for schema, database in (("purchases", "cashback"), ("ledger", "cashback"), ("minting", "minting"))
        ]
        return None if any(waiting) else True

    await eventually(look, within_s=PUBLISHED_WITHIN_S, what="the outboxes are published")
