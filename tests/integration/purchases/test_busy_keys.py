"""Keys that another process holds: their repeats wait, and nobody else does (I7)."""

import asyncio
from functools import partial
from typing import Any, Final

import psycopg
import pytest

from cashback.ledger import PublishedRulesets
from cashback.purchases.model import KeyBusy, NewPurchase, Outcome, Recorded, Refused
from cashback.purchases.service.first_answers import AT_ONCE_MAX
from cashback.purchases.service.once import Once, Result
from cashback.purchases.service.recording import Recording
from tests.integration.ledger.world import Dsns, World, buy
from tests.integration.purchases.holders import held, waits
from tests.support.facts import eventually

pytestmark = pytest.mark.invariant("I7")

ASKED_MAX: Final = 20
"""Of a batch that is done twice, once for all of its keys and once without those that are held."""


async def batch(world: World, purchases: list[NewPurchase]) -> list[Result]:
    """Do these in one batch."""
    now = world.clock.now()
    return await Once(world.api, partial(Recording, now, PublishedRulesets()), now=now).do(purchases)


async def waiting_for_a_key(world: World) -> int:
    """Return how many of the API's connections wait for another transaction."""
    return int(
        await world.one(
            "select count(*) from pg_stat_activity where application_name = 'cashback_api'"
            " and datname = current_database() and wait_event_type = 'Lock'"
        )
    )


def is_busy(result: Result) -> bool:
    """Tell whether a command was refused because its key is held."""
    return isinstance(result, Refused) and isinstance(result.error, KeyBusy)


async def test_a_hundred_repeats_of_one_held_key_wait_for_it_once(world: World, dsns: Dsns) -> None:
    """Alone in their batch they are refused together, after a single wait (I7)."""
    busy = buy(await world.user(), await world.merchant())
    whole, probes = waits("whole"), waits("probe")
    async with held(dsns, busy):
        results = await batch(world, [busy] * 100)
    assert all(is_busy(result) for result in results)
    assert (waits("whole") - whole, waits("probe") - probes) == (1, 0)


async def test_neighbours_of_held_keys_are_done_in_the_next_transaction(world: World, dsns: Dsns) -> None:
    """One wait for the batch, then a short one per halving: two held keys among 64 need at most 13 of them (I7)."""
    user, merchant = await world.user(), await world.merchant()
    one, two, *others = [buy(user, merchant) for _ in range(64)]
    commands = [one, *others[:40], two, *[one] * 50, *others[40:], two]
    whole, probes = waits("whole"), waits("probe")
    async with held(dsns, one, two):
        results = await batch(world, commands)
    assert [is_busy(result) for result in results] == [command in (one, two) for command in commands]
    assert all(isinstance(result, Recorded) for result in results if not is_busy(result))
    assert waits("whole") - whole == 1
    assert 2 <= waits("probe") - probes <= 13
    assert await world.one("select count(*) from purchases.purchases") == 62


async def test_a_batch_whose_keys_are_all_held_asks_no_more_than_another(
    world: World, dsns: Dsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a bulk that is repeated at another process: the server looks for what is held, by one statement (I7)."""
    user, merchant = await world.user(), await world.merchant()
    purchases = [buy(user, merchant) for _ in range(500)]
    execute, asked = psycopg.AsyncConnection.execute, 0

    async def counted(connection: Any, *asking: Any, **options: Any) -> Any:  # noqa: ANN401  # psycopg's own
        """Count what is asked, and ask it."""
        nonlocal asked
        asked += 1
        return await execute(connection, *asking, **options)

    async with held(dsns, *purchases):
        monkeypatch.setattr(psycopg.AsyncConnection, "execute", counted)
        results = await batch(world, purchases)
        monkeypatch.undo()
    assert all(is_busy(result) for result in results)
    assert asked <= ASKED_MAX


async def test_repeats_that_come_later_do_not_hold_up_a_batch_again(world: World, dsns: Dsns) -> None:
    """While one of them waits for the first answer the others wait with it, on one connection for them all (I7)."""
    user, merchant = await world.user(), await world.merchant()
    busy, *others = [buy(user, merchant) for _ in range(6)]
    async with held(dsns, busy) as holder:
        repeats = [asyncio.create_task(world.purchases.record_one(busy))]

        async def look() -> bool | None:
            return world.purchases._first_answers.is_awaited(busy) or None

        await eventually(look, within_s=10, what="the first repeat waits away from the batches")
        before = waits("whole")
        repeats += [asyncio.create_task(world.purchases.record_one(busy)) for _ in range(50)]
        neighbours = await asyncio.gather(*[world.purchases.record_one(other) for other in others])
        assert all(isinstance(outcome, Recorded) for outcome in neighbours)
        assert (waits("whole"), await waiting_for_a_key(world)) == (before, 1)
        await holder.rollback()
        answers = await asyncio.gather(*repeats)
    assert [isinstance(answer, Recorded) and answer.is_replay for answer in answers] == [False] + [True] * 50
    assert len({answer.answer for answer in answers if isinstance(answer, Recorded)}) == 1


async def test_more_held_keys_than_may_be_waited_for_at_once_take_turns(world: World, dsns: Dsns) -> None:
    """The third waits as long as the first two: nobody is sent away because others wait, alone or in a bulk (I7)."""
    user, merchant = await world.user(), await world.merchant()
    busy = [buy(user, merchant) for _ in range(AT_ONCE_MAX + 3)]
    async with held(dsns, *busy) as holder:
        single: list[asyncio.Task[Outcome]] = [
            asyncio.create_task(world.purchases.record_one(purchase)) for purchase in busy[1:]
        ]
        bulk = asyncio.create_task(world.purchases.record([busy[0]] * 2))

        async def look() -> bool | None:
            return all(world.purchases._first_answers.is_awaited(purchase) for purchase in busy) or None

        await eventually(look, within_s=10, what="all of them wait")
        assert await waiting_for_a_key(world) <= AT_ONCE_MAX
        await holder.rollback()
        outcomes = [*await asyncio.gather(*single), *await bulk]
    assert [isinstance(outcome, Recorded) for outcome in outcomes] == [True] * (len(busy) + 1)
    assert await world.one("select count(*) from purchases.purchases") == len(busy)


async def test_a_key_that_another_process_holds_delays_its_own_request_only(world: World, dsns: Dsns) -> None:
    """Neighbours of the same batch are answered while the repeat still waits; after five seconds it is told so (I7)."""
    user, merchant = await world.user(), await world.merchant()
    busy, *others = [buy(user, merchant) for _ in range(4)]
    async with held(dsns, busy):
        repeat, *neighbours = [
            asyncio.create_task(world.purchases.record_one(purchase)) for purchase in (busy, *others)
        ]
        assert all(isinstance(outcome, Recorded) for outcome in await asyncio.gather(*neighbours))
        assert not repeat.done()
        outcome = await repeat
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, KeyBusy)
    assert isinstance(await world.purchases.record_one(busy), Recorded)


async def test_a_repeat_waits_for_the_first_answer_in_another_process(world: World, dsns: Dsns) -> None:
    """When the other process gives up, the one that waited records the purchase (I7)."""
    user, merchant = await world.user(), await world.merchant()
    purchase = buy(user, merchant)
    async with held(dsns, purchase) as holder:
        repeat = asyncio.create_task(world.purchases.record_one(purchase))
        async with asyncio.timeout(10):
            while not await world.rows("select pid from pg_locks where not granted"):
                pass
        await holder.rollback()
        outcome = await repeat
    assert isinstance(outcome, Recorded)
    assert not outcome.is_replay
