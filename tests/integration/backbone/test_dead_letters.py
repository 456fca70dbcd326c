"""Dead letters: seen, understood, and sent again without harm."""

import os

import msgspec
import pytest

from cashback.kernel.bus import Bus, dead_letters, publish
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid, NotFound
from cashback.kernel.outbox import Event
from tests.integration.backbone.loops import Script, consumer, work_off
from tests.integration.backbone.world import applied, count_stored, event, stored, to_message


async def bury_some(database: Database, bus: Bus, count: int) -> list[Event]:
    """Have the consumer `ledger` give up `count` events, and return them."""
    events = [event(f"pur_{number}") for number in range(count)]
    await publish(bus, [to_message(one) for one in events])
    handler = Script({one.id: [Invalid(f"wrong: {one.key}")] for one in events})
    await work_off(bus, consumer(database, bus, handler=handler))
    return events


async def test_dead_letters_are_listed_page_by_page(shop: Database, bus: Bus) -> None:
    """Oldest first, each page after the last sequence of the one before."""
    events = await bury_some(shop, bus, 5)
    first = await dead_letters.page(bus, limit=3)
    second = await dead_letters.page(bus, limit=3, after=first[-1].sequence)
    assert [letter.sequence for letter in (*first, *second)] == [1, 2, 3, 4, 5]
    assert {letter.event_id for letter in (*first, *second)} == {one.id for one in events}
    assert await dead_letters.page(bus, limit=3, after=5) == []


async def test_a_dead_letter_is_shown_with_everything_the_event_had(shop: Database, bus: Bus) -> None:
    """Headers, data, and where it once stood."""
    (one,) = await bury_some(shop, bus, 1)
    letter = await dead_letters.show(bus, 1)
    assert (letter.event_id, letter.type, letter.key, letter.data) == (one.id, one.type, one.key, one.data)
    assert letter.reason == "Invalid: wrong: pur_0"
    with pytest.raises(NotFound):
        await dead_letters.show(bus, 2)


async def test_a_dead_letter_tells_each_failure(shop: Database, bus: Bus) -> None:
    """When, of what kind, why and to whom, whatever the reasons are made of."""
    one = event()
    causes = [ValueError("first"), OSError("zero \0, half \ud800, %, Käse\n"), Invalid("never")]
    await publish(bus, [to_message(one)])
    await work_off(bus, consumer(shop, bus, handler=Script({one.id: causes})))
    letter = await dead_letters.show(bus, 1)
    history = msgspec.json.decode(letter.headers["dlq-history"])
    assert [(entry["error"], entry["reason"]) for entry in history] == [
        ("ValueError", "first"),
        ("OSError", "zero , half ?, %, Käse\n"),
        ("Invalid", "never"),
    ]
    assert sorted(entry["at"] for entry in history) == [entry["at"] for entry in history]
    assert all(entry["worker"].endswith(f":{os.getpid()}") for entry in history)


@pytest.mark.invariant("I5")
async def test_a_replayed_dead_letter_is_applied_once_by_the_consumer_that_gave_it_up(shop: Database, bus: Bus) -> None:
    """It comes under a new message id, since the broker would drop the old one, and under its old event id."""
    events = await bury_some(shop, bus, 3)
    for _ in range(2):
        assert await dead_letters.replay(bus, [1, 2, 3])
    await work_off(bus, consumer(shop, bus))
    assert sorted(await applied(shop)) == sorted(one.id for one in events)
    messages = await stored(bus)
    assert len({message["headers"]["Nats-Msg-Id"] for message in messages}) == 9
    assert not [name for message in messages for name in message["headers"] if name.startswith("dlq-")]


async def test_a_replayed_dead_letter_changes_nothing_where_the_event_was_applied(shop: Database, bus: Bus) -> None:
    """Another consumer of the same event finds it in its inbox."""
    await bury_some(shop, bus, 1)
    await work_off(bus, consumer(shop, bus, name="webhooks"), "webhooks")
    assert len(await applied(shop)) == 1
    await dead_letters.replay(bus, [1])
    await work_off(bus, consumer(shop, bus, name="webhooks"), "webhooks")
    assert len(await applied(shop)) == 1


async def test_an_event_that_fails_again_after_its_replay_becomes_a_dead_letter_again(shop: Database, bus: Bus) -> None:
    """The second burial is another letter, not a duplicate of the first."""
    (one,) = await bury_some(shop, bus, 1)
    await dead_letters.replay(bus, [1])
    await work_off(bus, consumer(shop, bus, handler=Script({one.id: [Invalid("still wrong")]})))
    letters = await dead_letters.page(bus, limit=10)
    assert [letter.reason for letter in letters] == ["Invalid: wrong: pur_0", "Invalid: still wrong"]


async def test_replaying_what_does_not_exist_publishes_nothing(shop: Database, bus: Bus) -> None:
    """One unknown sequence among known ones spoils the call before anything was sent."""
    await bury_some(shop, bus, 1)
    with pytest.raises(NotFound):
        await dead_letters.replay(bus, [1, 99])
    with pytest.raises(Invalid):
        await dead_letters.replay(bus, range(1, 1_000))
    assert await count_stored(bus) == 1
