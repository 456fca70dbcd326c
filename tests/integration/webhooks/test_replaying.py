"""The log of deliveries, and delivering again."""

from datetime import timedelta
from typing import Final

import msgspec
import pytest

from cashback.webhooks import EndpointDisabled, EndpointUnknown
from cashback.webhooks.model import DeliveryState, DeliveryStory, DeliveryUnknown, Replayed, Span, Try
from cashback.webhooks.service.readings import WebhookReadings
from cashback.webhooks.service.replaying import replay_many, replay_one
from tests.integration.webhooks.world import World, eventually, refunded

ALL_DELIVERED: Final = """
    update webhooks.deliveries
    set state = 'delivered', claims = 1, attempts = 1, due_at = null, ended_at = now()
    where state = 'due'
"""


async def test_a_delivery_is_replayed_under_the_same_id_with_the_same_bytes(world: World) -> None:
    """Of a replay as well; the log has each of them, newest first, with its tries."""
    endpoint = await world.endpoint()
    await world.take(refunded())
    async with world.delivering():
        await eventually(lambda: world.are("delivered"))
        [(first,)] = world.rows("select id from webhooks.deliveries")
        async with world.api.transaction() as tx:
            second = await replay_one(tx, first, merchant_id="mer_1", by="test")
            third = await replay_one(tx, second, merchant_id=None, by="test")
        await eventually(lambda: world.are(*["delivered"] * 3))
    assert len({(got.id, got.body) for got in world.shop.got}) == 1
    readings = WebhookReadings(world.api)
    told, place = await readings.deliveries(endpoint.id, merchant_id="mer_1", state=None, place=None, limit=2)
    assert [(each.id, each.replay_of) for each in told] == [(third, first), (second, first)]
    rest, end = await readings.deliveries(endpoint.id, merchant_id=None, state=None, place=place, limit=2)
    assert ([each.id for each in rest], end) == ([first], None)
    failed = DeliveryState.FAILED
    assert await readings.deliveries(endpoint.id, merchant_id=None, state=failed, place=None, limit=2) == ([], None)
    found = await readings.delivery(third, merchant_id="mer_1")
    [attempt] = found.tries
    assert {name: getattr(found, name) for name in DeliveryStory.__struct_fields__} == msgspec.structs.asdict(told[0])
    assert isinstance(attempt, Try)
    assert (attempt.attempt, attempt.status, attempt.address) == (1, 204, "127.0.0.1")
    assert (told[0].last_try_at, told[0].last_status, told[0].last_error) == (attempt.at, 204, None)


async def test_many_are_replayed_by_span_state_and_type_and_not_while_they_are_under_way(world: World) -> None:
    """Counted first by a dry run; asked twice, it doubles nothing."""
    endpoint = await world.endpoint()
    start = endpoint.created_at
    await world.take(*(refunded(time=start + timedelta(hours=hour)) for hour in range(10)))
    world.rows(
        "update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now() where occurred_at < %s",
        start + timedelta(hours=8),
    )
    span = Span(since=start + timedelta(hours=2), until=start + timedelta(hours=9))
    async with world.api.transaction() as tx:
        for states, types, count in (
            ([DeliveryState.DELIVERED], [], 0),
            ([DeliveryState.FAILED], ["token.minted"], 0),
            ([DeliveryState.FAILED], ["purchase.refunded"], 6),
        ):
            found = await replay_many(
                tx, endpoint.id, merchant_id="mer_1", states=states, types=types, dry_run=True, by="test", span=span
            )
            assert found == Replayed(count, None)
    async with world.api.transaction() as tx:
        for count in (6, 0):
            told = await replay_many(tx, endpoint.id, merchant_id="mer_1", by="test", span=span)
            assert told == Replayed(count, None)
    assert world.rows("select count(*), count(distinct replay_of) from webhooks.deliveries where state = 'due'") == [
        (8, 6)
    ]
    journal = world.rows("select detail from webhooks.endpoint_journal where what = 'replayed'")
    assert journal == [("6 deliveries",)]


async def test_another_merchants_deliveries_are_not_there(world: World) -> None:
    """Neither to be read nor to be replayed; and a disabled endpoint is replayed nothing."""
    endpoint = await world.endpoint()
    await world.take(refunded())
    [(delivery,)] = world.rows("select id from webhooks.deliveries")
    span = Span(since=endpoint.created_at, until=endpoint.created_at + timedelta(days=1))
    readings = WebhookReadings(world.api)
    with pytest.raises(EndpointUnknown):
        await readings.endpoint(endpoint.id, merchant_id="mer_2")
    with pytest.raises(EndpointUnknown):
        await readings.deliveries(endpoint.id, merchant_id="mer_2", state=None, place=None, limit=2)
    with pytest.raises(DeliveryUnknown):
        await readings.delivery(delivery, merchant_id="mer_2")
    async with world.api.transaction() as tx:
        with pytest.raises(EndpointUnknown):
            await replay_many(tx, endpoint.id, merchant_id="mer_2", by="test", span=span)
        for asked in (delivery, "whd_none"):
            with pytest.raises(DeliveryUnknown):
                await replay_one(tx, asked, merchant_id="mer_2", by="test")
        await world.endpoints.disable(tx, endpoint.id, merchant_id="mer_1", by="test")
        with pytest.raises(EndpointDisabled):
            await replay_one(tx, delivery, merchant_id="mer_1", by="test")
        with pytest.raises(EndpointDisabled):
            await replay_many(tx, endpoint.id, merchant_id="mer_1", by="test", span=span)
    assert world.states() == ["failed"]


async def test_what_failed_and_was_delivered_again_is_not_missing_any_more(world: World) -> None:
    """So that asking again after ten thousand brings the next ones, and not the same once more."""
    endpoint = await world.endpoint()
    span = Span(since=endpoint.created_at, until=endpoint.created_at + timedelta(days=1))
    await world.take(*(refunded() for _ in range(5)))
    world.rows("update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now()")
    counts = []
    for _ in range(2):
        async with world.api.transaction() as tx:
            told = await replay_many(
                tx, endpoint.id, merchant_id=None, states=[DeliveryState.FAILED], span=span, by="test"
            )
            counts.append(told.count)
        async with world.delivering():
            await eventually(lambda: world.are(*["delivered"] * 5, *["failed"] * 5))
    assert counts == [5, 0]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_replay_says_exactly_whether_there_are_more_and_by_when_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    """Also of what was delivered, which is never missing; exactly as many as may be, and there are no more."""
    monkeypatch.setattr("cashback.webhooks.service.replaying.REPLAYS_MAX", 2)
    endpoint = await world.endpoint()
    times = [endpoint.created_at + timedelta(hours=hour) for hour in range(1, 5)]
    await world.take(*(refunded(time=time) for time in times))
    world.rows(ALL_DELIVERED)
    told = []
    for since in (times[0], times[2]):
        async with world.api.transaction() as tx:
            told.append(
                await replay_many(
                    tx,
                    endpoint.id,
                    merchant_id="mer_1",
                    span=Span(since=since, until=times[-1] + timedelta(hours=1)),
                    dry_run=dry_run,
                    by="test",
                )
            )
    assert told == [Replayed(2, times[2]), Replayed(2, None)]
    made = world.rows("select count(*), count(distinct replay_of) from webhooks.deliveries where replay_of is not null")
    assert made == [(0, 0) if dry_run else (4, 4)]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_replay_that_goes_on_makes_nothing_of_one_instant_twice(
    world: World, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    """What one commit told of has one instant: it comes as a whole, and a delivery that has arrived since not again."""
    monkeypatch.setattr("cashback.webhooks.service.replaying.REPLAYS_MAX", 2)
    endpoint = await world.endpoint()
    early, shared, late = (endpoint.created_at + timedelta(hours=hour) for hour in (1, 2, 3))
    await world.take(*(refunded(time=time) for time in (early, shared, shared, shared, late)))
    world.rows(ALL_DELIVERED)
    told = [Replayed(0, early)]
    while (since := told[-1].next_since) and len(told) < 5:
        span = Span(since=since, until=late + timedelta(hours=1))
        async with world.api.transaction() as tx:
            told.append(await replay_many(tx, endpoint.id, merchant_id="mer_1", span=span, dry_run=dry_run, by="test"))
        world.rows(ALL_DELIVERED)
    assert told[1:] == [Replayed(4, late), Replayed(1, None)]
    made = world.rows("select count(*), count(distinct replay_of) from webhooks.deliveries where replay_of is not null")
    assert made == [(0, 0) if dry_run else (5, 5)]


async def test_the_log_tells_the_last_try_of_each_delivery(world: World) -> None:
    """The status of an answer, or the word for why there was none; nothing of one that was not tried yet."""
    world.shop.answers("/", 500)
    world.shop.slow("/never")
    answered, silent = await world.endpoint(), await world.endpoint("/never")
    await world.take(refunded())
    async with world.delivering(within_s=0.3):
        await world.tried(2)
        world.shop.answers("/", 503)
        world.hasten()
        await world.tried(4)
    await world.take(refunded())
    readings = WebhookReadings(world.api)
    told = []
    for endpoint in (answered, silent):
        found, _ = await readings.deliveries(endpoint.id, merchant_id="mer_1", state=None, place=None, limit=2)
        told += [(each.attempts, each.last_status, each.last_error, each.last_try_at is None) for each in found]
    assert told == [(0, None, None, True), (2, 503, None, False), (0, None, None, True), (2, None, "timeout", False)]
