"""The client library's known faults, beside what we do in its place: theirs hangs or loses, ours does not.

Each fault is shown on nats-py as it is, on the same broker. A version that mends one fails the test of its fault, and
the message says what may go. One that is told of nats-py is not found in the version pinned here (ADR 0062).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig
from nats.js.errors import APIError

from cashback.kernel.bus import Bus, BusUnavailable, publish
from cashback.kernel.bus.answers import later, send
from cashback.kernel.bus.durable import ensure_durable
from cashback.kernel.bus.message import repeated
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.streams import EVENTS, type_filters
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.world import TYPE, count_stored, event, eventually, stored_ids, to_message
from tests.support.nats_proxy import NatsProxy

LATER_S: Final = 120.0
"""Longer than anything here takes: what has not ended by then would not have ended at all."""
SHORTLY_S: Final = 0.5
SUBJECT: Final = f"cashback.v1.{TYPE}.0"
MENDED: Final = "nats-py does not do this any more: the work-around may go"


@asynccontextmanager
async def theirs(url: str) -> AsyncIterator[Client]:
    """Give nats-py's client as it comes, reconnecting at once and for ever."""
    client = Client()

    async def say_nothing(_: Exception) -> None:
        """Keep what it says of its reconnecting out of the log."""

    await client.connect(url, reconnect_time_wait=0, max_reconnect_attempts=-1, error_cb=say_nothing)
    try:
        yield client
    finally:
        await client.close()


async def waiting_pulls(bus: Bus, consumer: str) -> int:
    """Return how many requests for messages the broker knows of."""
    return int((await bus.api(f"CONSUMER.INFO.{EVENTS.name}.{consumer}"))["num_waiting"])


async def taken(pull: Pull, count: int) -> list[str]:
    """Return the event ids of the next `count` messages, which come within the timeout of a test."""
    found: list[str] = []

    async def look() -> bool:
        """Take what there is."""
        try:
            found.extend((message.headers or {})["ce-id"] for message in await pull.take(wait_s=0.1))
        except BusUnavailable:
            return False
        return len(found) >= count

    await eventually(look)
    return found


async def test_a_request_for_messages_dies_with_the_broker_and_nobody_asks_again(
    bus: Bus, broker: EmbeddedNats
) -> None:
    """Theirs waits for what it never asked the new broker for (nats-py 504); ours asks again."""
    for name in ("theirs", "ours"):
        await ensure_durable(bus, stream=EVENTS.name, name=name, types=(TYPE,))
    async with theirs(broker.url()) as client:
        subscription = await client.jetstream().pull_subscribe_bind("theirs", EVENTS.name)
        fetching = asyncio.create_task(subscription.fetch(1, timeout=LATER_S))
        pull = Pull(bus, stream=EVENTS.name, consumer="ours", batch_max=10)
        try:
            assert await pull.take(wait_s=0.01) == []
            await eventually(lambda: are_waiting(bus))
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            assert await bus.wait_connected(at_most_s=10)
            one = event()
            await publish(bus, [to_message(one)])
            assert await taken(pull, 1) == [one.id]
            await eventually(lambda: is_up(client))
            await client.flush()
            assert await waiting_pulls(bus, "theirs") == 0, MENDED
            assert await still_waits(fetching), MENDED
        finally:
            fetching.cancel()
            await pull.close()


async def test_a_message_sent_again_as_it_was_is_dropped_without_an_error(bus: Bus, broker: EmbeddedNats) -> None:
    """Whoever redrives what he read loses it inside the duplicate window; ours has a new id for the same event."""
    one = event()
    await publish(bus, [to_message(one)])
    async with theirs(broker.url()) as client:
        jetstream = client.jetstream()
        message = await jetstream.get_msg(EVENTS.name, 1)
        answer = await jetstream.publish(str(message.subject), message.data or b"", headers=message.headers)
        assert answer.duplicate, MENDED
        assert await count_stored(bus) == 1, MENDED
    again = repeated(subject=SUBJECT, headers=message.headers or {}, data=message.data or b"", run="run")
    await publish(bus, [again])
    assert await stored_ids(bus) == [one.id, one.id]


async def test_an_atomic_batch_with_a_message_that_is_stored_already_is_refused_as_a_whole(
    bus: Bus, broker: EmbeddedNats
) -> None:
    """Whoever sends it again after an ambiguous end sends it for ever (10201); ours goes on one by one."""
    known, events = event(), [event(f"pur_{number}") for number in range(3)]
    await publish(bus, [to_message(known)])
    async with theirs(broker.url()) as client:
        *first, last = [
            {"Nats-Msg-Id": one.id, "Nats-Batch-Id": "batch", "Nats-Batch-Sequence": str(number)}
            for number, one in enumerate((known, *events), 1)
        ]
        for headers in first:
            await client.publish(SUBJECT, b"{}", headers=headers)
        with pytest.raises(APIError) as refused:
            await client.jetstream().publish(SUBJECT, b"{}", headers=last | {"Nats-Batch-Commit": "1"})
        assert refused.value.err_code == 10_201, MENDED
        assert await count_stored(bus) == 1, MENDED
    await publish(bus, [to_message(one) for one in (known, *events)])
    assert await stored_ids(bus) == [one.id for one in (known, *events)]


async def test_a_connection_that_the_network_has_forgotten_looks_well_for_ever(
    bus: Bus, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each publication of theirs times out and it says that it is connected; ours notices and takes another one."""
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_EVERY_S", SHORTLY_S)
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_TIMEOUT_S", SHORTLY_S)
    async with (
        NatsProxy.before(broker.url()) as proxy,
        theirs(proxy.url(broker.url())) as client,
        Bus.connect(proxy.url(broker.url()), name="ours") as ours,
    ):
        assert await ours.wait_connected(at_most_s=10)
        before, one = ours.link, event()
        proxy.forget()

        async def is_published() -> bool:
            """Try to publish; until another connection is there in vain."""
            try:
                await publish(ours, [to_message(one)])
            except BusUnavailable:
                await ours.wait_connected(at_most_s=SHORTLY_S)
                return False
            return True

        await eventually(is_published)
        assert ours.link is not before
        with pytest.raises(NatsTimeoutError):
            await client.jetstream().publish(SUBJECT, b"{}", timeout=SHORTLY_S)
        assert client.is_connected, MENDED
        assert await stored_ids(bus) == [one.id]


async def test_a_publication_whose_broker_died_is_waited_for_for_ever(bus: Bus, broker: EmbeddedNats) -> None:
    """The future of theirs has no deadline and outlives the connection; ours is told at once, and publishes again."""
    one = event()
    async with theirs(broker.url()) as client:
        await client.flush()
        await asyncio.to_thread(broker.pause)
        future = await client.jetstream().publish_async(SUBJECT, b"{}", headers={"Nats-Msg-Id": "theirs"})
        publishing = asyncio.create_task(publish(bus, [to_message(one)]))
        await asyncio.sleep(0)
        await asyncio.to_thread(broker.kill)
        with pytest.raises(BusUnavailable):
            await publishing
        await asyncio.to_thread(broker.start)
        assert await bus.wait_connected(at_most_s=10)
        await publish(bus, [to_message(one)])
        await eventually(lambda: is_up(client))
        await client.flush()
        assert await still_waits(future), MENDED
        # Nor is it sent again: who counts on it has lost it.
        assert await stored_ids(bus) == [one.id], MENDED
        future.cancel()


async def test_what_is_published_after_the_flusher_died_is_never_sent(bus: Bus, broker: EmbeddedNats) -> None:
    """It dies with somebody waiting for it, and theirs leaves all sending to it for ever; ours sends by itself."""
    one, heard = event(), asyncio.Event()

    async def hear(_: Msg) -> None:
        """Note that a message came."""
        heard.set()

    async with theirs(broker.url()) as client:
        await client.flush()
        # Neither gives way to anybody: both still wait to be sent by a flusher when it ends.
        await client.subscribe("somewhere")
        await bus.link.listen(f"cashback.v1.{TYPE}.*", hear)
        ended = [flusher for flusher in flushers() if flusher.cancel()]
        await asyncio.wait(ended)
        assert len(ended) == 2
        await client.publish(SUBJECT, b"{}", headers={"Nats-Msg-Id": "theirs"})
        # Before the broker sends a PING, which it does two seconds after it was connected to: answering that sends all.
        async with asyncio.timeout(2 * SHORTLY_S):
            await publish(bus, [to_message(one)])
            await heard.wait()
        assert client.is_connected, MENDED
        assert client.pending_data_size > 0, MENDED
        assert await stored_ids(bus) == [one.id], MENDED


async def test_what_was_put_back_comes_again_at_once_though_a_backoff_was_asked_for(
    bus: Bus, broker: EmbeddedNats
) -> None:
    """A consumer's `BackOff` is for those who never answer; ours says with each answer how long to wait."""
    first, second = event("pur_1"), event("pur_2")
    await publish(bus, [to_message(first), to_message(second)])
    async with theirs(broker.url()) as client:
        jetstream = client.jetstream()
        config = ConsumerConfig(
            durable_name="theirs", filter_subjects=type_filters((TYPE,)), backoff=[LATER_S, LATER_S], max_deliver=3
        )
        await jetstream.add_consumer(EVENTS.name, config)
        subscription = await jetstream.pull_subscribe_bind("theirs", EVENTS.name)
        (message,) = await subscription.fetch(1, timeout=5)
        await message.nak()
        # Both, in either order, and long before the backoff.
        came = [(await subscription.fetch(1, timeout=5))[0] for _ in range(2)]
        assert {(one.headers or {})["ce-id"] for one in came} == {first.id, second.id}, MENDED
    await ensure_durable(bus, stream=EVENTS.name, name="ours", types=(TYPE,))
    pull = Pull(bus, stream=EVENTS.name, consumer="ours", batch_max=10)
    in_hand = await pull.take(wait_s=5, linger_s=SHORTLY_S)
    assert await send(pull.came_on, [(in_hand[0], later(LATER_S)), (in_hand[1], later(0.0))])
    assert await taken(pull, 1) == [second.id]
    await pull.close()


def flushers() -> list[asyncio.Task[Any]]:
    """Return the tasks that send what nats-py has buffered, of every connection there is."""
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == "Client._flusher"]


async def still_waits(future: asyncio.Future[Any]) -> bool:
    """Tell whether something has not ended though it was given time."""
    ended, _ = await asyncio.wait({future}, timeout=SHORTLY_S)
    return not ended


async def are_waiting(bus: Bus) -> bool:
    """Tell whether the broker knows of the requests of both."""
    return [await waiting_pulls(bus, name) for name in ("theirs", "ours")] == [1, 1]


async def is_up(client: Client) -> bool:
    """Tell whether nats-py has a connection again."""
    return client.is_connected
