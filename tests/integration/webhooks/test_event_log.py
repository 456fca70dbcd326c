"""The log of events: all that is taken in, once, with the bytes that are posted, to be read until it is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cashback.events.ledger import CashbackApproved
from cashback.kernel.ids import new_id
from cashback.webhooks import Forgetter, Kept
from cashback.webhooks.consumer import TYPES, WebhookUnreadable
from cashback.webhooks.model import EventsWanted, EventUnknown, Happening
from cashback.webhooks.service import event_log, metrics
from cashback.webhooks.service.event_log import EventLog
from cashback.webhooks.store import forgetting
from tests.integration.webhooks.world import World, event, eventually, of_merchant, refunded

KEPT = Kept(deliveries_days=30, events_days=30, journal_days=730)
ANY = EventsWanted()
PAGES_MAX = 100
"""More than any list of these tests has."""


def log_of(world: World) -> EventLog:
    """Return the log as the API reads it."""
    return EventLog(world.api, types=TYPES)


async def told(world: World, wanted: EventsWanted = ANY, *, limit: int = 200) -> list[Happening]:
    """Return the events of every page."""
    found: list[Happening] = []
    place: str | None = None
    for _ in range(PAGES_MAX):
        page, place = await log_of(world).page(wanted, place=place, limit=limit)
        found += page
        if place is None:
            return found
    raise AssertionError("the log has no end")


async def test_what_is_taken_in_is_told_though_nobody_listens(world: World) -> None:
    """Each with what it is about, whose it is, and the body that an endpoint would be posted."""
    world.belongings["cb_known"] = of_merchant("mer_2")
    first = refunded()
    second = event(CashbackApproved.TYPE, b'{"cashback_id":"cb_known"}', key="cb_known", time=first.time)
    third = event(CashbackApproved.TYPE, b'{"cashback_id":"cb_by_hand"}', key="cb_by_hand")
    await world.take(first, second, third)
    assert world.states() == []
    found = {one.event_id: one for one in await told(world)}
    assert {one.event_id: (one.type, one.key, one.merchant_id, one.occurred_at) for one in found.values()} == {
        first.id: (first.type, first.key, "mer_1", first.time),
        second.id: (second.type, "cb_known", "mer_2", second.time),
        third.id: (third.type, "cb_by_hand", None, third.time),
    }
    assert found[second.id].body.endswith(
        b'"data":{"cashback_id":"cb_known","purchase_id":"pur_1","user_id":"usr_1","merchant_id":"mer_2"}}'
    )
    assert found[third.id].body.endswith(b'"data":{"cashback_id":"cb_by_hand"}}')


async def test_what_was_posted_is_found_by_its_id_with_the_same_bytes(world: World) -> None:
    """An endpoint that lost what it was told reads it again."""
    await world.endpoint()
    await world.take(refunded(), refunded())
    async with world.delivering():
        await eventually(lambda: world.are("delivered", "delivered"))
    for got in world.shop.got:
        assert (await log_of(world).event(got.id, seen_by="mer_1")).body == got.body


@pytest.mark.invariant("I5")
async def test_an_event_that_comes_again_is_told_once_and_as_it_was(world: World) -> None:
    """I5: twice in a batch, again later, and by another form of its data."""
    one = refunded()
    await world.take(one, one)
    [first] = await told(world)
    await world.take(one)
    await world.take(event(one.type, b'{"merchant_id":"mer_2"}', key="another", id_=one.id))
    assert await told(world) == [first]


async def test_a_batch_that_cannot_be_read_leaves_nothing(world: World) -> None:
    """Log and deliveries are of one transaction."""
    with pytest.raises(WebhookUnreadable):
        await world.take(refunded(), event("token.minted", b"nonsense"))
    assert await told(world) == []


async def test_a_merchant_is_told_its_own_alone(world: World) -> None:
    """Whatever it asks for; what is nobody's is the operator's."""
    own, other = refunded(), refunded(merchant_id="mer_2")
    by_hand = event(CashbackApproved.TYPE, b'{"cashback_id":"cb_1"}')
    await world.take(own, other, by_hand)
    assert [one.event_id for one in await told(world, EventsWanted(merchant_id="mer_1"))] == [own.id]
    assert await told(world, EventsWanted(object_id=other.key, merchant_id="mer_1")) == []
    assert [one.event_id for one in await told(world, EventsWanted(merchant_id="mer_2"))] == [other.id]
    for foreign in (other, by_hand):
        assert (await log_of(world).event(foreign.id, seen_by=None)).event_id == foreign.id
        with pytest.raises(EventUnknown):
            await log_of(world).event(foreign.id, seen_by="mer_1")


async def test_events_are_told_by_when_they_happened_without_gap_or_repeat(world: World) -> None:
    """The newest first, those of one instant by their ids; also when more are taken in meanwhile."""
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    events = [refunded(time=at + timedelta(seconds=second // 3)) for second in range(20)]
    await world.take(*events[::-1])
    newest_first = [one.id for one in sorted(events, key=lambda one: (one.time, one.id), reverse=True)]
    assert [one.event_id for one in await told(world, limit=3)] == newest_first
    page, place = await log_of(world).page(ANY, limit=10)
    await world.take(refunded(time=at + timedelta(hours=1)))
    rest, _ = await log_of(world).page(ANY, place=place, limit=10)
    assert [one.event_id for one in (*page, *rest)] == newest_first


async def test_events_of_an_object_of_a_span_and_of_a_type_are_found(world: World) -> None:
    """Each by itself, and all of it together."""
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    wanted = event("token.minted", b'{"merchant_id":"mer_1"}', key="cb_7", time=at)
    beside = [
        event("token.minted", b'{"merchant_id":"mer_1"}', key="cb_8", time=at),
        event("token.mint.failed", b'{"merchant_id":"mer_1"}', key="cb_7", time=at),
        event("token.minted", b'{"merchant_id":"mer_1"}', key="cb_7", time=at + timedelta(seconds=1)),
        event("token.minted", b'{"merchant_id":"mer_1"}', key="cb_7", time=at - timedelta(microseconds=1)),
    ]
    await world.take(wanted, *beside)
    span = {"since": at, "until": at + timedelta(seconds=1)}
    for asked, left_out in (
        (EventsWanted(object_id="cb_7"), {beside[0].id}),
        (EventsWanted(type="token.minted"), {beside[1].id}),
        (EventsWanted(until=span["until"]), {beside[2].id}),
        (EventsWanted(since=span["since"]), {beside[3].id}),
    ):
        found = {one.event_id for one in await told(world, asked, limit=2)}
        assert found == {wanted.id, *(one.id for one in beside)} - left_out, asked
    everything = EventsWanted(object_id="cb_7", type="token.minted", merchant_id="mer_1", **span)
    assert [one.event_id for one in await told(world, everything)] == [wanted.id]


async def test_a_rare_type_is_found_a_stretch_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks through so many events and no more: it may be empty, and goes on behind them."""
    monkeypatch.setattr(event_log, "AMONG_MAX", 3)
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    rare = event("token.mint.reverted", b"{}", time=at)
    await world.take(rare, *(refunded(time=at + timedelta(seconds=second)) for second in range(7)))
    wanted = EventsWanted(type=rare.type)
    page, place = await log_of(world).page(wanted)
    assert (page, place is None) == ([], False)
    assert [one.event_id for one in await told(world, wanted)] == [rare.id]


async def test_what_happened_long_ago_is_forgotten_and_all_else_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over more batches than one, those of one instant as well; how many went is counted."""
    monkeypatch.setattr("cashback.webhooks.service.forgetting.BATCH", 3)
    count = metrics.forgotten.labels("event")
    before = next(iter(count.collect())).samples[0].value
    now = datetime.now(UTC)
    old = [refunded(time=now - timedelta(days=31)) for _ in range(8)]
    young = [refunded(time=now - timedelta(days=29)), refunded(time=now)]
    await world.take(*old, *young)
    await Forgetter(world.worker, KEPT).forget(asyncio.Event())
    assert {one.event_id for one in await told(world)} == {one.id for one in young}
    assert next(iter(count.collect())).samples[0].value == before + len(old)
    with pytest.raises(EventUnknown):
        await log_of(world).event(old[0].id, seen_by=None)


async def test_the_worker_writes_the_log_and_takes_nothing_young_away(world: World) -> None:
    """It reads none of it, changes none of it, and forgets by a function that keeps a week whatever it is told."""
    await world.take(refunded(time=datetime.now(UTC) - timedelta(days=6)))
    async with world.worker.transaction() as tx:
        with pytest.raises(psycopg.errors.CheckViolation, match="a week at least"):
            async with tx.transaction():
                await forgetting.events(tx, keep_days=6, after=None, limit=1)
        assert await forgetting.events(tx, keep_days=7, after=None, limit=1) == (0, None)
        for statement in (
            "select 1 from webhooks.events",
            "delete from webhooks.events",
            "update webhooks.events set body = body",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with tx.transaction():
                    await tx.execute(statement.encode())
    async with world.api.transaction() as tx:
        for statement in ("delete from webhooks.events", "update webhooks.events set merchant_id = 'mer_2'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with tx.transaction():
                    await tx.execute(statement.encode())
    assert len(await told(world)) == 1


@pytest.mark.parametrize(
    "change,constraint",
    [
        ("body = decode(repeat('00', 66561), 'hex')", "event_body_bounded"),
        ("type = ''", "event_type_bounded"),
        ("key = repeat('x', 1025)", "event_key_bounded"),
        ("merchant_id = repeat('x', 1025)", "event_merchant_bounded"),
        ("event_id = repeat('x', 1025)", "event_id_bounded"),
    ],
)
async def test_what_cannot_be_cannot_be_logged(world: World, change: str, constraint: str) -> None:
    """Each illegal state is refused by a constraint that has a name."""
    await world.take(refunded(id_=new_id("evt")))
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        world.rows(f"update webhooks.events set {change}")
    assert caught.value.diag.constraint_name == constraint
