"""The consumers' half of the backbone: what is published is applied once, and what fails is nobody else's trouble."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec
import pytest

from cashback.kernel.bus import DEAD_LETTERS, Bus, Delivery, Message, dead_letters, publish
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken, Invalid, Unavailable
from tests.integration.backbone.loops import QUICKLY, Script, are_done, consumer, have_applied, some
from tests.integration.backbone.world import (
    SCHEMA,
    TYPE,
    applied,
    count_applied,
    count_stored,
    event,
    eventually,
    rows,
    running,
    to_message,
)


class Once(Script):
    """A script that runs out: an event that failed as often as told succeeds from then on."""

    def __init__(self, failures: dict[str, Sequence[Exception]]) -> None:
        """Fail for each of these event ids as often as there are exceptions."""
        super().__init__()
        self._left = {id_: list(causes) for id_, causes in failures.items()}

    async def __call__(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, then fail if one of them has a failure left."""
        await super().__call__(tx, deliveries)
        for one in deliveries:
            if self._left.get(one.id):
                raise self._left[one.id].pop(0)


async def test_events_are_applied_in_batches_and_acknowledged(shop: Database, bus: Bus) -> None:
    """A handler is given what the stream holds, as CloudEvents say it."""
    events, script = some(300), Script()
    await publish(bus, [to_message(one) for one in events])
    async with running(consumer(shop, bus, handler=script).run):
        await eventually(lambda: have_applied(shop, 300))
        await eventually(lambda: are_done(bus))
    assert await applied(shop) == [one.id for one in events]
    assert len(script.seen) < 20


async def test_a_delivery_carries_the_event_and_its_place(shop: Database, bus: Bus) -> None:
    """Everything that was put in the outbox comes out again, names that are not ASCII included."""
    seen: list[Delivery] = []

    async def keep(_: Tx, deliveries: Sequence[Delivery]) -> None:
        """Remember the deliveries."""
        seen.extend(deliveries)

    one = event("Käse 100 %", data=b'{"a":"\xc3\xa4"}')
    await publish(bus, [to_message(one)])
    async with running(consumer(shop, bus, handler=keep).run):
        await eventually(lambda: are_done(bus))
    assert seen == [
        Delivery(
            id=one.id,
            type=TYPE,
            key="Käse 100 %",
            data=b'{"a":"\xc3\xa4"}',
            time=one.time,
            traceparent=None,
            attempt=1,
            sequence=1,
        )
    ]


@pytest.mark.invariant("I5")
async def test_an_event_that_comes_twice_is_applied_once(shop: Database, bus: Bus) -> None:
    """In one batch and in another one: the inbox goes by the event id, not by the message id."""
    first, second = event(), event()
    await publish(bus, [to_message(first), to_message(first, message_id="again"), to_message(second)])
    async with running(consumer(shop, bus).run):
        await eventually(lambda: are_done(bus))
        await publish(bus, [to_message(first, message_id="and again")])
        await eventually(lambda: are_done(bus))
    assert await applied(shop) == [first.id, second.id]


async def test_a_consumer_gets_its_types_and_after_an_upgrade_its_new_ones_too(shop: Database, bus: Bus) -> None:
    """What it had acknowledged stays acknowledged, and the new type flows from then on."""
    old, new, foreign = (event(type_=type_) for type_ in ("a.done", "b.done", "c.done"))
    await publish(bus, [to_message(old), to_message(foreign)])
    async with running(consumer(shop, bus, types=("a.done",)).run):
        await eventually(lambda: have_applied(shop, 1))
    await publish(bus, [to_message(new)])
    async with running(consumer(shop, bus, types=("a.done", "b.done")).run):
        await eventually(lambda: have_applied(shop, 2))
    assert await applied(shop) == [old.id, new.id]


async def test_two_consumers_of_one_event_apply_it_once_each(shop: Database, bus: Bus) -> None:
    """Their names keep their inboxes and their positions apart."""
    await publish(bus, [to_message(one) for one in some(5)])
    async with running(consumer(shop, bus, name="ledger").run, consumer(shop, bus, name="webhooks").run):
        await eventually(lambda: have_applied(shop, 10))


async def test_two_instances_share_the_work_of_one_consumer(shop: Database, bus: Bus) -> None:
    """Each event goes to one of them."""
    async with running(consumer(shop, bus, batch_max=8).run, consumer(shop, bus, batch_max=8).run):
        await publish(bus, [to_message(one) for one in some(200)])
        await eventually(lambda: are_done(bus))
    assert await count_applied(shop) == 200


async def test_a_rejected_event_becomes_a_dead_letter_at_once_and_its_neighbours_are_applied(
    shop: Database, bus: Bus
) -> None:
    """The batch is halved down to the one to blame, which is kept with its reason and its headers."""
    events = some(40)
    poison = events[17]
    script = Script({poison.id: [Invalid("this amount is none")]})
    await publish(bus, [to_message(one) for one in events])
    async with running(consumer(shop, bus, handler=script).run):
        await eventually(lambda: are_done(bus))
    assert sorted(await applied(shop)) == sorted(one.id for one in events if one is not poison)
    (letter,) = await dead_letters.page(bus, limit=10)
    assert letter.reason == "Invalid: this amount is none"
    assert (letter.consumer, letter.attempts, letter.event_id) == ("ledger", 1, poison.id)
    assert (letter.original_sequence, letter.original_subject) == (18, to_message(poison).subject)
    assert letter.headers["ce-time"] == poison.time.isoformat().replace("+00:00", "Z")
    assert datetime.fromisoformat(letter.first_failed_at) <= letter.given_up_at


async def test_an_event_that_keeps_failing_becomes_a_dead_letter_after_five_attempts(shop: Database, bus: Bus) -> None:
    """After the first failure it is tried alone, later and later, while the others flow."""
    poison, *others = some(20)
    script = Script({poison.id: [ValueError("no such thing")]})
    await publish(bus, [to_message(one) for one in (poison, *others)])
    async with running(consumer(shop, bus, handler=script).run):
        await eventually(lambda: are_done(bus))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert (letter.reason, letter.attempts) == ("ValueError: no such thing", 5)
    alone = [attempts for ids, attempts in script.seen if ids == [poison.id]]
    assert alone == [[1], [2], [3], [4], [5]]
    assert sorted(await applied(shop)) == sorted(one.id for one in others)


async def test_what_is_no_event_becomes_a_dead_letter_at_once(shop: Database, bus: Bus) -> None:
    """Somebody may publish anything on our subjects; it stops nobody."""
    rubbish = Message(subject=f"cashback.v1.{TYPE}.0", id="rubbish", key="", headers=b"", data=b"\x00")
    await publish(bus, [rubbish, to_message(event())])
    async with running(consumer(shop, bus).run):
        await eventually(lambda: are_done(bus))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert letter.reason.startswith("EventMalformed: not a CloudEvent")
    assert await count_applied(shop) == 1


async def test_an_event_on_the_subject_of_another_type_becomes_a_dead_letter(shop: Database, bus: Bus) -> None:
    """A handler that goes by the type may pass over it, and it would be acknowledged without any effect."""
    stray = msgspec.structs.replace(to_message(event(type_="other.happened")), subject=f"cashback.v1.{TYPE}.0")
    await publish(bus, [stray, to_message(event())])
    async with running(consumer(shop, bus).run):
        await eventually(lambda: are_done(bus))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert (letter.type, letter.original_subject) == ("other.happened", f"cashback.v1.{TYPE}.0")
    assert await count_applied(shop) == 1


async def test_an_empty_message_that_looks_like_the_servers_own_word_becomes_a_dead_letter(
    shop: Database, bus: Bus
) -> None:
    """Taken for a word about the request it would never be answered, and come again for ever."""
    word = Message(
        subject=f"cashback.v1.{TYPE}.0",
        id="word",
        key="",
        headers=b"Status: 409\r\nDescription: Consumer Deleted\r\n",
        data=b"",
    )
    await publish(bus, [word, to_message(event())])
    async with running(consumer(shop, bus).run):
        await eventually(lambda: are_done(bus))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert letter.original_sequence == 1
    assert await count_applied(shop) == 1


async def test_an_outage_is_waited_out_and_counts_as_nobodys_failure(shop: Database, bus: Bus) -> None:
    """Seven times unavailable is more than an event may fail by itself; each attempt comes later than the last."""
    one = event()
    script = Once({one.id: [Unavailable("the world is down")] * 7})
    await publish(bus, [to_message(one)])
    started_s = monotonic_s()
    async with running(consumer(shop, bus, handler=script).run):
        await eventually(lambda: have_applied(shop, 1))
        await eventually(lambda: are_done(bus))
    assert [attempts for _, attempts in script.seen] == [[number] for number in range(1, 9)]
    assert monotonic_s() - started_s > sum(QUICKLY.backoff.ceiling_s(number) / 2 for number in range(1, 8))
    assert await count_stored(bus, stream=DEAD_LETTERS.name) == 0


async def test_a_violated_invariant_stops_the_consumer_and_stores_nothing(shop: Database, bus: Bus) -> None:
    """The process ends with the error; the event is neither applied nor acknowledged nor given up."""
    one = event()
    await publish(bus, [to_message(one)])
    with pytest.raises(Broken, match="books"):
        await consumer(shop, bus, handler=Script({one.id: [Broken("the books do not balance")]})).run(asyncio.Event())
    assert await count_applied(shop) == 0
    assert await rows(shop, f"select 1 from {SCHEMA}.inbox") == []
    assert not await are_done(bus)
