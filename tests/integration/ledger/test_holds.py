"""Cashback is held until the return window of its purchase is over, and released by the worker then (I1, I4, I8)."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from cashback.kernel import db
from cashback.kernel.db import DatabaseUnavailable
from cashback.ledger import State
from tests.integration.ledger.lives import bought, life_of, postings, steps, told, with_terms
from tests.integration.ledger.world import START, Dsns, World, buy, open_world, requests

pytestmark = pytest.mark.invariant("I1", "I4", "I8")
HOLD = timedelta(days=30)


async def test_a_held_cashback_is_pending_and_released_when_the_window_closes(world: World) -> None:
    """Not a moment before; its event, its step and its posting come then, and the request follows (I1, I4, I8)."""
    await with_terms(world, hold_days=30)
    [cashback_id] = await bought(world)
    assert await postings(world, cashback_id) == [("accrual", "budget", "pending", 150)]
    assert await told(world, cashback_id) == []
    await world.assert_books_prove()
    world.clock.advance(HOLD - timedelta(seconds=1))
    assert (await life_of(world).round()).released == 0
    world.clock.advance(timedelta(seconds=1))
    assert (await life_of(world).round()).released == 1
    assert (await life_of(world).round()).released == 0
    await world.assert_books_prove()
    assert (await postings(world, cashback_id))[1:] == [("approval", "pending", "approved", 150)]
    assert await told(world, cashback_id) == ["cashback.approved"]
    await world.request()
    assert await steps(world, cashback_id) == ["pending", "approved", "mint_requested"]
    await world.assert_books_prove()


async def test_nothing_that_is_held_is_requested(world: World) -> None:
    """Neither by an event that names it nor by the sweep."""
    await with_terms(world, hold_days=30)
    [cashback_id] = await bought(world)
    world.clock.advance(timedelta(days=29))
    await world.sweeper.round()
    assert await requests(world) == []
    assert await steps(world, cashback_id) == ["pending"]


async def test_the_window_opens_with_the_purchase_however_late_it_is_told(world: World) -> None:
    """So what is told after its window is approved at once, and told of at once."""
    await with_terms(world, hold_days=30)
    user, merchant = await world.user(), await world.merchant()
    late = [START - HOLD, START - HOLD + timedelta(seconds=1)]
    answers = await world.record(*[buy(user, merchant, occurred_at=occurred_at) for occurred_at in late])
    assert [answer.cashback.state for answer in answers] == ["approved", "pending"]
    assert await told(world, answers[0].cashback.id) == ["cashback.approved"]
    await world.assert_books_prove()


async def test_without_a_hold_everything_is_as_it_was(world: World) -> None:
    """One step, one posting, one event."""
    await world.programme()
    [cashback_id] = await bought(world)
    assert await steps(world, cashback_id) == ["approved"]
    assert await postings(world, cashback_id) == [("accrual", "budget", "approved", 150)]
    assert (await life_of(world).round()).released == 0


async def test_workers_side_by_side_release_each_hold_once(world: World) -> None:
    """Of users whose accounts they share, in small batches, by two pools of connections (I5)."""
    await with_terms(world, hold_days=30)
    users, merchant = [await world.user() for _ in range(3)], await world.merchant()
    await world.record(*[buy(users[place % 3], merchant, 10_000 + place) for place in range(60)])
    world.clock.advance(HOLD)
    async with open_world(world.dsns) as other:
        other.clock.advance(HOLD)
        lives = [life_of(each, batch_max=7) for each in (world, other, world, other)]
        released = 0
        while done := [lived.released for lived in await asyncio.gather(*(life.round() for life in lives))]:
            released += sum(done)
            if not any(done):
                break
    assert released == 60
    assert await world.one("select count(*) from ledger.transfers where cause = 'approval'") == 60
    assert len(await world.events("ledger", "cashback.approved")) == 60
    await world.assert_books_prove()


async def test_a_queue_of_reviews_that_cannot_be_read_holds_up_no_release(
    dsns: Dsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other kinds of the round are done all the same, and then it is told that the database failed."""
    monkeypatch.setattr(db, "LOCK_TIMEOUT_MS", 200)
    async with open_world(dsns) as world:
        await with_terms(world, hold_days=30)
        [cashback_id] = await bought(world)
        world.clock.advance(HOLD)
        async with await psycopg.AsyncConnection.connect(dsns.superuser) as other:
            await other.execute("lock table ledger.reviews in access exclusive mode")
            with pytest.raises(DatabaseUnavailable):
                await life_of(world).round()
        assert await steps(world, cashback_id) == ["pending", "approved"]
        await world.assert_books_prove()


async def test_a_round_is_bounded_and_the_longest_overdue_comes_first(world: World) -> None:
    """A batch of two out of three."""
    await with_terms(world, hold_days=30)
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant, occurred_at=START - timedelta(days=day)) for day in (1, 3, 2)])
    world.clock.advance(HOLD)
    assert (await life_of(world, batch_max=2).round()).released == 2
    states = [(await world.readings.cashback(answer.cashback.id)).state for answer in answers]
    assert states == [State.PENDING, State.APPROVED, State.APPROVED]
