"""Many purchases under one key: each is recorded once, however the whole is cut off and repeated (I7)."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta, timezone

import msgspec
import pytest

from cashback.kernel.ids import new_id
from cashback.purchases.model import (
    KeyInvalid,
    KeyReused,
    Merchant,
    NewPurchase,
    Outcome,
    Overloaded,
    PurchaseAnswer,
    PurchaseExists,
    Recorded,
    Refused,
    User,
)
from cashback.purchases.service import Bulks, Limits, Orders, Purchases
from cashback.purchases.service.bulk import ROOM_AFTER_S, SEATS_MAX, SEATS_OF_ONE, key_of
from tests.integration.ledger.world import Dsns, World, buy, decoded, new_key, open_world
from tests.support.facts import eventually


def bulks_of(world: World, purchases: Purchases | None = None) -> Bulks:
    """Return what records bulks, as the API makes it."""
    return Bulks(purchases or world.purchases, Orders(world.api, clock=world.clock))


def a_bulk(user: User, merchant: Merchant, count: int, *, key: str | None = None) -> list[NewPurchase]:
    """Return so many purchases under one key, each of another amount."""
    name = key or new_key()
    return [buy(user, merchant, 1_000 + number, key=name, key_id="key_1") for number in range(count)]


def ids(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the ids of what was recorded."""
    return [decoded(outcome, PurchaseAnswer).id for outcome in outcomes if isinstance(outcome, Recorded)]


async def purchases_in(world: World) -> int:
    """Return how many purchases there are."""
    return int(await world.one("select count(*) from purchases.purchases"))


@pytest.mark.invariant("I7")
async def test_a_bulk_is_recorded_once_and_answered_alike(world: World) -> None:
    """Each purchase in its place; the same again is the same bytes, all of them replays (I7)."""
    await world.programme()
    bulk = a_bulk(await world.user(), await world.merchant(), 1_000)
    first = await bulks_of(world).record(bulk)
    assert [decoded(one, PurchaseAnswer).amount_minor for one in first] == [str(one.amount_minor) for one in bulk]
    zone = timezone(timedelta(hours=2))
    moved = [msgspec.structs.replace(one, occurred_at=one.occurred_at.astimezone(zone), key_id="key_2") for one in bulk]
    again = await bulks_of(world).record(moved)
    assert again == [Recorded(one.answer, is_replay=True) for one in first if isinstance(one, Recorded)]
    assert await purchases_in(world) == 1_000
    assert await world.rows("select distinct by_key from purchases.idempotency_keys where by_key is not null") == [
        ("key_1",)
    ]
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
async def test_a_key_stands_for_one_bulk(world: World) -> None:
    """Not for one that is shorter, longer, in another order or about something else, nor for a purchase (I7)."""
    user, merchant = await world.user(), await world.merchant()
    bulk = a_bulk(user, merchant, 3)
    await bulks_of(world).record(bulk)
    more = [*bulk, buy(user, merchant, key=bulk[0].key)]
    dearer = [msgspec.structs.replace(bulk[0], amount_minor=1), *bulk[1:]]
    for other in (bulk[:2], more, bulk[::-1], dearer):
        with pytest.raises(KeyReused):
            await bulks_of(world).record(other)
    alone = await world.purchases.record_one(bulk[0])
    assert isinstance(alone, Refused)
    assert isinstance(alone.error, KeyReused)
    with pytest.raises(KeyInvalid):
        await bulks_of(world).record([msgspec.structs.replace(bulk[0], key="a\x1f0000")])
    assert await purchases_in(world) == 3


@pytest.mark.invariant("I7")
async def test_what_is_refused_harms_no_other_and_is_tried_again_by_a_repeat(world: World) -> None:
    """A name that was taken stays taken; who was unknown may be known by then (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [taken] = await world.record(buy(user, merchant, reference="A-1"))
    one, two, three, four = a_bulk(user, merchant, 4)
    unknown = msgspec.structs.replace(two, user_id=new_id("usr"))
    alike = [msgspec.structs.replace(each, reference=name) for each, name in ((three, "A-1"), (four, "A-2"))]
    bulk = [one, unknown, *alike, msgspec.structs.replace(four, amount_minor=-1)]
    first = await bulks_of(world).record(bulk)
    codes = [outcome.error.code if isinstance(outcome, Refused) else "recorded" for outcome in first]
    assert codes == ["recorded", "user_unknown", "purchase_exists", "recorded", "field_invalid"]
    assert isinstance(first[2], Refused)
    assert isinstance(first[2].error, PurchaseExists)
    assert first[2].error.fields["purchase_id"] == taken.id
    await world.rows("insert into purchases.users (id, created_at) values (%s, now())", unknown.user_id)
    again = await bulks_of(world).record(bulk)
    assert [isinstance(outcome, Recorded) for outcome in again] == [True, True, False, True, False]
    assert await purchases_in(world) == 4


@pytest.mark.invariant("I7")
async def test_a_bulk_that_is_cut_off_goes_on_where_it_ended(world: World, dsns: Dsns) -> None:
    """Whatever was recorded by then is answered by another process, and the rest is recorded, each once (I7)."""
    await world.programme()
    bulk = a_bulk(await world.user(), await world.merchant(), 200)
    slowly = Purchases(world.api, clock=world.clock, limits=Limits(batch_max=10, in_flight_max=1))
    recording = asyncio.create_task(bulks_of(world, slowly).record(bulk))

    async def look() -> bool | None:
        return await purchases_in(world) >= 20 or None

    await eventually(look, within_s=10, what="a part of the bulk is recorded")
    recording.cancel()
    await asyncio.gather(recording, return_exceptions=True)
    await slowly.close()
    before = await purchases_in(world)
    assert 20 <= before < 200
    async with open_world(dsns) as other:
        outcomes = await bulks_of(other).record(bulk)
    assert sum(isinstance(one, Recorded) and one.is_replay for one in outcomes) == before
    assert len(set(ids(outcomes))) == await purchases_in(world) == 200
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
async def test_a_bulk_that_finds_no_room_goes_on_when_there_is_some(world: World) -> None:
    """Turned away as any purchase is: with nothing of it recorded or a part, the repeat does the rest (I7)."""
    bulk = a_bulk(await world.user(), await world.merchant(), 30)
    crowded = Purchases(world.api, clock=world.clock, limits=Limits(batch_max=10, waiting_max=9))
    with pytest.raises(Overloaded):
        await bulks_of(world, crowded).record(bulk)
    await crowded.close()
    assert len(ids(await bulks_of(world).record(bulk))) == await purchases_in(world) == 30


@pytest.mark.invariant("I7")
async def test_a_part_waits_for_room_before_it_is_turned_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Single purchases come and go within milliseconds: what found no room at first is recorded, once (I7)."""
    bulk = a_bulk(await world.user(), await world.merchant(), 30)
    refusals = [Overloaded("full")] * len(ROOM_AFTER_S)
    record = world.purchases.record_promptly

    async def crowded(purchases: Sequence[NewPurchase]) -> list[Outcome]:
        """Find room the last time."""
        if refusals:
            raise refusals.pop()
        return await record(purchases)

    monkeypatch.setattr(world.purchases, "record_promptly", crowded)
    assert len(ids(await bulks_of(world).record(bulk))) == await purchases_in(world) == 30
    assert refusals == []


@pytest.mark.invariant("I7")
async def test_what_a_bulk_has_just_recorded_is_no_replay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though there was no room for its second batch at first: the first one is not asked for again (I7)."""
    bulk = a_bulk(await world.user(), await world.merchant(), 20)
    narrow = Purchases(world.api, clock=world.clock, limits=Limits(batch_max=10))
    submit, asked = narrow._committer.submit, list[int]()

    async def crowded(purchases: Sequence[NewPurchase]) -> list[Outcome]:
        """Have no room the second time."""
        asked.append(len(purchases))
        if len(asked) == 2:
            raise Overloaded("full")
        return await submit(purchases)

    monkeypatch.setattr(narrow._committer, "submit", crowded)
    outcomes = await bulks_of(world, narrow).record(bulk)
    await narrow.close()
    assert [isinstance(one, Recorded) and one.is_replay for one in outcomes] == [False] * 20
    assert asked == [10, 10, 10]


@pytest.mark.invariant("I7")
async def test_one_bulk_in_two_processes_at_once_is_recorded_once(world: World, dsns: Dsns) -> None:
    """Eight times: whoever waits too long is told that the first is being answered, and finds it answered then (I7)."""
    await world.programme()
    bulk = a_bulk(await world.user(), await world.merchant(), 100)
    async with open_world(dsns) as other:
        calls = [bulks_of(each).record(bulk) for _ in range(4) for each in (world, other)]
        answers = await asyncio.gather(*calls)
    assert len({tuple(ids(outcomes)) for outcomes in answers}) == 1
    assert await purchases_in(world) == 100
    await world.assert_books_prove()


def test_no_two_purchases_of_any_bulk_have_one_key() -> None:
    """Nor does a longer key with another place come to the same."""
    keys = [key_of(key, place) for key in ("a", "a0", "a\x1f0000", "a0000") for place in range(1_000)]
    assert len(set(keys)) == len(keys)


async def test_a_merchant_has_its_seats_by_whichever_key(world: World) -> None:
    """One with many keys takes no more of them than one with a single key."""
    bulks, merchant = bulks_of(world), await world.merchant()
    bulk = [
        msgspec.structs.replace(one, owner=merchant.id, key_id="key_new")
        for one in a_bulk(await world.user(), merchant, 1)
    ]
    with ExitStack() as seats:
        for _ in range(SEATS_OF_ONE):
            seats.enter_context(bulks.seat(merchant.id))
        with pytest.raises(Overloaded, match="of yours"):
            await bulks.record(bulk)
    assert len(ids(await bulks.record(bulk))) == 1


async def test_one_party_leaves_seats_to_the_others(world: World) -> None:
    """However many bulks and streams it has under way; who leaves makes room."""
    bulks = bulks_of(world)
    with ExitStack() as seats:
        for _ in range(SEATS_OF_ONE):
            seats.enter_context(bulks.seat("key_0"))
        with pytest.raises(Overloaded, match="of yours"):
            seats.enter_context(bulks.seat("key_0"))
        for number in range(SEATS_OF_ONE, SEATS_MAX):
            seats.enter_context(bulks.seat(f"key_{number // SEATS_OF_ONE}"))
        with pytest.raises(Overloaded, match="too many bulks"):
            seats.enter_context(bulks.seat("key_9"))
    with bulks.seat("key_0"):
        pass
