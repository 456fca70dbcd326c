"""The broker's storage wiped: what was only there comes again from the databases, and is applied once."""

import asyncio
import random

import pytest

from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.facts import eventually
from tests.support.load import Customer, Load, Shop
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovered
from tests.support.stack import WholeSystem, stopped

PUBLISHED_WITHIN_S = 60.0
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
    load = await wipe_while_asleep(stack, "worker-mint", at="mint_requested")
    query = "select count(*) from ledger.cashback_ledger where purchase_id = any(%s) and reissues = 0"
    assert stack.rows("cashback", query, load.purchases) == [(0,)]


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5")
async def test_approvals_lost_with_the_brokers_storage_are_requested_by_the_sweep(stack: WholeSystem) -> None:
    """Approved and never requested: the sweep requests them."""
    load = await wipe_while_asleep(stack, "worker-ledger", at="approved")
    query = """
        select distinct cause
        from ledger.cashback_transitions
        join ledger.cashback_ledger as cashback on cashback.id = cashback_id
        where purchase_id = any(%s)
          and to_state = 'mint_requested'
    """
    assert stack.rows("cashback", query, load.purchases) == [("swept",)]


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5")
async def test_outcomes_lost_with_the_brokers_storage_are_told_again(stack: WholeSystem) -> None:
    """Minted and never told: the sweep asks again, and minting answers with the outcome that it has stored."""
    async with Shop.open(stack) as shop:
        answer = await shop.buy(await shop.customer())
        await shop.settled(answer["id"], "mint_requested")
        async with stopped(stack.processes["worker-ledger"]):
            await minted(stack, answer["cashback"]["id"])
            await published(stack)
            await lose_storage(stack)
        cashback = await shop.settled(answer["id"])
    query = "select count(*) from minting.outbox_events where key = %s and type = 'token.minted'"
    [(told,)] = stack.rows("minting", query, cashback["id"])
    assert told > 1
    assert (await stack.drained()).findings == []


@pytest.mark.deep
@pytest.mark.invariant("I2", "I4", "I5")
async def test_a_broker_killed_and_wiped_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Whatever was published, delivered or acknowledged at that moment."""
    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(10, 60))
        async with recovered(stack, load, within_s=RECOVERS_SERVER_WITHIN_S, what="a wiped broker"):
            await lose_storage(stack)
        await load.goes_on(60)
    await assert_nothing_lost_or_doubled(stack, load)


@pytest.mark.deep
@pytest.mark.invariant("I4", "I5")
async def test_a_broker_that_hangs_under_load_loses_and_doubles_nothing(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Paused for longer than any deadline, so that nobody knows what it has stored."""
    async with Load.on(stack) as load:
        await load.goes_on(chance.randint(10, 60))
        await asyncio.to_thread(stack.nats.pause)
        await load.goes_on(300)
        async with recovered(stack, load, within_s=RECOVERS_SERVER_WITHIN_S, what="a broker that hung"):
            stack.nats.resume()
        await load.goes_on(20)
    await assert_nothing_lost_or_doubled(stack, load)


async def wipe_while_asleep(stack: WholeSystem, consumer: str, *, at: str) -> Load:
    """Lose the broker's storage while it holds what `consumer` has not taken, and see that nothing is lost by it.

    Every cashback is in the state `at` by then: what is still on its way there would be lost one step too early.
    """
    async with Shop.open(stack) as shop:
        customer = await shop.customer()
        await swept(stack, customer)
        async with stopped(stack.processes[consumer]):
            load = Load(shop, [customer], per_second=40)
            async with load.running():
                await load.goes_on(20)
            await arrived(stack, load, at)
            await published(stack)
            await lose_storage(stack)
    await assert_nothing_lost_or_doubled(stack, load)
    return load


async def lose_storage(stack: WholeSystem) -> None:
    """Kill the broker, wipe it and start it anew: whoever publishes next makes its streams again."""
    await asyncio.to_thread(stack.nats.kill)
    await stack.wipe_broker()
    await asyncio.to_thread(stack.nats.start)


async def swept(stack: WholeSystem, customer: Customer) -> None:
    """Return once the sweep has seen a new wallet: until then it requests, unasked, whatever its owner earns."""

    async def look() -> bool | None:
        query = "select 1 from ledger.recipients where user_id = %s and released_at is not null"
        return True if stack.rows("cashback", query, customer.id) else None

    await eventually(look, within_s=PUBLISHED_WITHIN_S, what="the sweep has seen a new wallet")


async def arrived(stack: WholeSystem, load: Load, state: str) -> None:
    """Return once the cashback of every purchase has come to `state`."""

    async def look() -> bool | None:
        query = "select 1 from ledger.cashback_ledger where purchase_id = any(%s) and state <> %s limit 1"
        return None if stack.rows("cashback", query, load.purchases, state) else True

    await eventually(look, within_s=PUBLISHED_WITHIN_S, what=f"every purchase is {state}")


async def minted(stack: WholeSystem, cashback_id: str) -> None:
    """Return once minting knows that a mint is final."""

    async def look() -> bool | None:
        query = "select 1 from minting.mints where cashback_id = %s and state = 'minted'"
        return True if stack.rows("minting", query, cashback_id) else None

    await eventually(look, within_s=PUBLISHED_WITHIN_S, what=f"{cashback_id} is minted")


async def published(stack: WholeSystem) -> None:
    """Return once the relays have published everything that the outboxes hold."""

    async def look() -> bool | None:
        waiting = [
            stack.rows(database, UNPUBLISHED.format(schema=schema))
            for schema, database in (("purchases", "cashback"), ("ledger", "cashback"), ("minting", "minting"))
        ]
        return None if any(waiting) else True

    await eventually(look, within_s=PUBLISHED_WITHIN_S, what="the outboxes are published")
