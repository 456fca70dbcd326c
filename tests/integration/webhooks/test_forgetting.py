"""What ended long ago is forgotten, in batches, and nothing that is open, young, or repeated lately."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from cashback.kernel.db import Tx
from cashback.webhooks import Forgetter, Kept
from cashback.webhooks.model import DeliveryUnknown, Replayed, Span
from cashback.webhooks.service import metrics
from cashback.webhooks.service.replaying import replay_many, replay_one
from cashback.webhooks.store import forgetting
from tests.integration.webhooks.world import World, eventually, refunded

KEPT = Kept(deliveries_days=30, events_days=30, journal_days=730)


async def forget(world: World) -> None:
    """Have what is old forgotten, once."""
    await Forgetter(world.worker, KEPT).forget(asyncio.Event())


def end(world: World, id_: str, *, days: int) -> None:
    """Have a delivery have ended so long ago."""
    world.rows(
        "update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now() - make_interval(days => %s)"
        " where id = %s",
        days,
        id_,
    )


@asynccontextmanager
async def opened(world: World, role: str) -> AsyncIterator[Tx]:
    """Give a transaction of another process, which ends with the block."""
    async with await psycopg.AsyncConnection.connect(world.dsns.of(role)) as tx:
        yield tx


async def test_what_ended_long_ago_goes_with_its_tries_and_all_else_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over more batches than one; what is kept is still told, and how many went is counted."""
    monkeypatch.setattr("cashback.webhooks.service.forgetting.BATCH", 3)
    count = metrics.forgotten.labels("delivery")
    before = next(iter(count.collect())).samples[0].value
    await world.endpoint()
    await world.take(*(refunded() for _ in range(12)))
    async with world.delivering():
        await eventually(lambda: world.are(*["delivered"] * 12))
    ids = [row[0] for row in world.rows("select id from webhooks.deliveries order by id")]
    for id_ in ids[:8]:
        end(world, id_, days=31)
    end(world, ids[8], days=29)
    world.rows("update webhooks.deliveries set state = 'due', due_at = now(), ended_at = null where id = %s", ids[9])
    await forget(world)
    kept = [(id_,) for id_ in ids[8:]]
    assert world.rows("select id from webhooks.deliveries order by id") == kept
    assert world.rows("select delivery_id from webhooks.attempts order by 1") == kept
    assert next(iter(count.collect())).samples[0].value == before + 8


async def test_a_delivery_that_was_made_again_is_kept_as_long_as_its_youngest_repetition(world: World) -> None:
    """So that what is repeated can be repeated; then both go."""
    await world.endpoint()
    await world.take(refunded())
    [(first,)] = world.rows("select id from webhooks.deliveries")
    end(world, first, days=100)
    async with world.api.transaction() as tx:
        again = await replay_one(tx, first, merchant_id="mer_1", by="test")
    end(world, again, days=29)
    await forget(world)
    assert len(world.states()) == 2
    end(world, again, days=31)
    # The first pass looks at the first one before its repetition has gone.
    await forget(world)
    await forget(world)
    assert world.states() == []


async def test_what_is_being_made_again_is_not_forgotten(world: World) -> None:
    """Whoever repeats holds it; forgetting does not wait for that and goes on with others."""
    await world.endpoint()
    await world.take(refunded(), refunded())
    ids = [row[0] for row in world.rows("select id from webhooks.deliveries order by id")]
    for id_ in ids:
        end(world, id_, days=31)
    async with opened(world, "cashback_api") as tx:
        await replay_one(tx, ids[0], merchant_id="mer_1", by="test")
        await forget(world)
    assert [row[0] for row in world.rows("select coalesce(replay_of, id) from webhooks.deliveries")] == [ids[0]] * 2


async def test_what_is_being_forgotten_can_be_repeated_no_more(world: World) -> None:
    """Whoever comes while it goes is told that it is not there, and of many the rest is repeated."""
    endpoint = await world.endpoint()
    await world.take(refunded(), refunded())
    old, young = [row[0] for row in world.rows("select id from webhooks.deliveries order by id")]
    end(world, old, days=31)
    end(world, young, days=1)
    span = Span(since=endpoint.created_at, until=refunded().time)

    async def one() -> str:
        """Repeat the one that goes."""
        async with world.api.transaction() as tx:
            return await replay_one(tx, old, merchant_id="mer_1", by="test")

    async def many() -> Replayed:
        """Repeat all that there are."""
        async with world.api.transaction() as tx:
            return await replay_many(tx, endpoint.id, merchant_id="mer_1", by="test", span=span)

    async with opened(world, "cashback_webhooks") as tx:
        assert (await forgetting.deliveries(tx, keep_days=30, after=None, limit=10))[0] == 1
        tasks = [asyncio.create_task(one()), asyncio.create_task(many())]
        await eventually(lambda: _are_waiting(world, 2))
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(told[0], DeliveryUnknown)
    assert told[1] == Replayed(1, None)
    assert world.rows("select coalesce(replay_of, id) from webhooks.deliveries") == [(young,)] * 2


async def test_that_there_are_more_is_said_though_some_of_the_first_are_being_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for those that are left to be there, and not for those that were made again to be as many as may be."""
    monkeypatch.setattr("cashback.webhooks.service.replaying.REPLAYS_MAX", 1)
    endpoint = await world.endpoint()
    events = [refunded(), refunded()]
    await world.take(*events)
    old, young = [row[0] for row in world.rows("select id from webhooks.deliveries order by occurred_at")]
    end(world, old, days=31)
    end(world, young, days=1)
    span = Span(since=endpoint.created_at, until=refunded().time)

    async def many() -> Replayed:
        """Repeat the first one."""
        async with world.api.transaction() as tx:
            return await replay_many(tx, endpoint.id, merchant_id="mer_1", by="test", span=span)

    async with opened(world, "cashback_webhooks") as tx:
        assert (await forgetting.deliveries(tx, keep_days=30, after=None, limit=10))[0] == 1
        task = asyncio.create_task(many())
        await eventually(lambda: _are_waiting(world, 1))
    assert await task == Replayed(0, events[1].time)


async def _are_waiting(world: World, count: int) -> bool:
    """Tell whether so many wait for a lock."""
    return (
        len(
            world.rows(
                "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            )
        )
        == count
    )


async def test_the_journal_is_kept_for_as_long_as_it_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are older go, over more batches than one."""
    monkeypatch.setattr("cashback.webhooks.service.forgetting.BATCH", 2)
    endpoint = await world.endpoint()
    for _ in range(6):
        await world.secret(endpoint)
    ids = [row[0] for row in world.rows("select id from webhooks.endpoint_journal order by id")]
    world.rows(
        "update webhooks.endpoint_journal set done_at = now() - case when id <= %s then interval '731 days'"
        " else interval '729 days' end",
        ids[4],
    )
    await forget(world)
    assert [row[0] for row in world.rows("select id from webhooks.endpoint_journal order by id")] == ids[5:]


async def test_the_worker_cannot_take_away_what_is_young(world: World) -> None:
    """Whatever its settings say: nothing younger than a week, no line younger than a year, and no row by itself."""
    async with world.worker.transaction() as tx:
        with pytest.raises(psycopg.errors.CheckViolation, match="a week at least"):
            async with tx.transaction():
                await forgetting.deliveries(tx, keep_days=6, after=None, limit=1)
        with pytest.raises(psycopg.errors.CheckViolation, match="a year at least"):
            async with tx.transaction():
                await forgetting.journal(tx, keep_days=364, limit=1)
        for table in ("deliveries", "attempts", "endpoint_journal"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with tx.transaction():
                    await tx.execute(f"delete from webhooks.{table}".encode())
