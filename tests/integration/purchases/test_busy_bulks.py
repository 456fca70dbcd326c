"""Bulks and streams whose keys another process holds: one patience for all of a request (I7)."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import pytest

from cashback.kernel.clock import monotonic_s
from cashback.purchases.model import KeyBusy, Merchant, NewPurchase, Recorded, User
from cashback.purchases.service import Bulks, Limits, Orders, Purchases
from cashback.purchases.service.bulk import PARTS_AT_ONCE, key_of
from tests.integration.ledger.world import Dsns, World, buy, new_key
from tests.integration.purchases.holders import held, waits
from tests.support.facts import eventually

pytestmark = pytest.mark.invariant("I7")

BRIEF_S: Final = 0.6
NEVER_S: Final = 3_600.0
"""In place of a patience that must not be what ends a wait."""


def bulks_of(world: World, purchases: Purchases | None = None, *, patience_s: float = NEVER_S) -> Bulks:
    """Return what records bulks, as the API makes it, but for how long each waits."""
    orders = Orders(world.api, clock=world.clock)
    return Bulks(purchases or world.purchases, orders, patience_s=patience_s)


def a_bulk(user: User, merchant: Merchant, count: int) -> list[NewPurchase]:
    """Return so many purchases under one key."""
    key = new_key()
    return [buy(user, merchant, 1_000 + number, key=key) for number in range(count)]


def each_by_itself(bulk: Sequence[NewPurchase], *, first: int = 0) -> list[NewPurchase]:
    """Return the purchases of a bulk, or of it from a place on, each under the key that it has of its own."""
    return [
        msgspec.structs.replace(one, key=key_of(one.key, place)) for place, one in enumerate(bulk[first:], start=first)
    ]


async def awaited(world: World, purchases: Sequence[NewPurchase]) -> None:
    """Return when somebody waits for the key of each of these."""

    async def look() -> bool | None:
        return all(map(world.purchases.is_awaited, purchases)) or None

    await eventually(look, within_s=10, what="the keys are awaited")


async def test_a_bulk_waits_once_for_all_of_its_keys(world: World, dsns: Dsns) -> None:
    """Its first batch, then the first key of that; of the second nothing is looked at: its patience is over (I7)."""
    bulk = a_bulk(await world.user(), await world.merchant(), 6)
    narrow = Purchases(world.api, clock=world.clock, limits=Limits(batch_max=3))
    before = waits("whole")
    async with held(dsns, *each_by_itself(bulk)):
        with pytest.raises(KeyBusy):
            await bulks_of(world, narrow, patience_s=BRIEF_S).record(bulk)
    await narrow.close()
    assert waits("whole") - before == 2
    assert await world.one("select count(*) from purchases.purchases") == 0
    assert all(isinstance(outcome, Recorded) for outcome in await bulks_of(world).record(bulk))


async def test_a_bulk_is_answered_once_the_first_of_its_keys_is(world: World, dsns: Dsns) -> None:
    """It waits for one of them, on one connection, and tries the others together: nobody waits for each (I7)."""
    bulk = a_bulk(await world.user(), await world.merchant(), 40)
    mine = each_by_itself(bulk, first=10)
    before = waits("whole")
    async with held(dsns, *mine) as holder:
        recording = asyncio.create_task(bulks_of(world).record(bulk))
        await awaited(world, mine[:1])
        assert not any(map(world.purchases.is_awaited, mine[1:]))
        await holder.rollback()
        outcomes = await recording
    assert [isinstance(outcome, Recorded) and outcome.is_replay for outcome in outcomes] == [False] * 40
    assert waits("whole") - before == 1
    assert await world.one("select count(*) from purchases.purchases") == 40


async def test_the_parts_of_a_stream_have_one_patience(world: World, dsns: Dsns) -> None:
    """What is recorded at once takes nothing from it, a wait does; once it is over a held key is busy at once (I7)."""
    stream = a_bulk(await world.user(), await world.merchant(), 3)
    bulks, [free, waiting, late] = bulks_of(world), [[(place, one)] for place, one in enumerate(stream)]
    mine = each_by_itself(stream)
    patience = await bulks.open_stream(owner=stream[0].owner, key=stream[0].key, key_id=None, traceparent=None)
    opened_s = patience.left_s
    [outcome] = await bulks.record_part(free, patience)
    assert isinstance(outcome, Recorded)
    assert patience.left_s == opened_s
    async with held(dsns, mine[1]) as holder:
        recording = asyncio.create_task(bulks.record_part(waiting, patience))
        await awaited(world, mine[1:2])
        await holder.rollback()
        assert isinstance((await recording)[0], Recorded)
    assert patience.left_s < opened_s
    patience.spend_since(monotonic_s() - NEVER_S)
    async with held(dsns, mine[2]):
        with pytest.raises(KeyBusy):
            await bulks.record_part(late, patience)


async def test_bulks_that_wait_for_their_keys_keep_no_other_from_being_recorded(world: World, dsns: Dsns) -> None:
    """More of them than there are parts at a time; one that nobody holds is recorded meanwhile, then they are (I7)."""
    user, merchant = await world.user(), await world.merchant()
    bulks, crowd = bulks_of(world), [a_bulk(user, merchant, 2) for _ in range(PARTS_AT_ONCE + 1)]
    async with held(dsns, *(one for bulk in crowd for one in each_by_itself(bulk))) as holder:
        recording = [asyncio.create_task(bulks.record(bulk)) for bulk in crowd]
        await awaited(world, [each_by_itself(bulk)[0] for bulk in crowd])
        free = await bulks.record(a_bulk(user, merchant, 2))
        await holder.rollback()
        outcomes = [free, *await asyncio.gather(*recording)]
    assert all(isinstance(outcome, Recorded) for one in outcomes for outcome in one)
    assert await world.one("select count(*) from purchases.purchases") == 2 * len(outcomes)


async def test_repeats_of_a_bulk_wait_together_for_its_first_key(world: World, dsns: Dsns) -> None:
    """Whoever comes later asks for none of its keys anew: no batch is held up by them a second time (I7)."""
    bulk = a_bulk(await world.user(), await world.merchant(), 4)
    bulks, mine = bulks_of(world), each_by_itself(bulk)
    async with held(dsns, *mine) as holder:
        first = asyncio.create_task(bulks.record(bulk))
        await awaited(world, mine[:1])
        before = waits("whole")
        repeats = [asyncio.create_task(bulks.record(bulk)) for _ in range(3)]
        await world.purchases.record_one(buy(await world.user(), await world.merchant()))
        assert waits("whole") == before
        await holder.rollback()
        answers = await asyncio.gather(first, *repeats)
    assert len({tuple(outcome.answer for outcome in one if isinstance(outcome, Recorded)) for one in answers}) == 1
    assert await world.one("select count(*) from purchases.purchases") == 5
