"""Dead letters: seen, understood, and sent again without harm."""

import os

import msgspec
import pytest

from cashback.kernel.bus import Bus, Message, dead_letters, publish, verdicts
from cashback.kernel.bus.durable import Durable
from cashback.kernel.bus.frame import header_lines
from cashback.kernel.bus.origins import LetterForged
from cashback.kernel.bus.streams import DEAD_SUBJECT_PREFIX
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid, NotFound
from cashback.kernel.outbox import Event
from tests.integration.backbone.loops import Script, consumer, work_off
from tests.integration.backbone.world import TYPE, applied, count_stored, event, stored, to_message


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


async def test_a_forged_letter_has_nothing_published_in_its_name(shop: Database, bus: Bus) -> None:
    """Whoever may store a letter chooses its headers; the one who replays it may say anything to the broker."""
    await bury_some(shop, bus, 1)
    honest = {
        "ce-id": "evt_1",
        "ce-type": TYPE,
        "ce-partitionkey": "pur_1",
        "dlq-consumer": "ledger",
        "dlq-subject": f"cashback.v1.{TYPE}.0",
    }
    forged = [
        {"dlq-subject": "$JS.API.STREAM.DELETE.CASHBACK"},
        {"dlq-subject": "cashback.v1.thing.happened.1"},
        {"dlq-subject": "cashback.v1.other.happened.0"},
        {"ce-type": "other.happened"},
        {"dlq-consumer": "webhooks"},
        {"dlq-consumer": "ledger.thing", "ce-type": "happened", "dlq-subject": "cashback.v1.happened.0"},
    ]
    for number, lie in enumerate(forged, 2):
        await publish(bus, [_letter(f"forged {number}", honest | lie)])
        with pytest.raises(LetterForged):
            await dead_letters.replay(bus, [1, number])
    assert await count_stored(bus) == 1
    await publish(bus, [_letter("honest", honest)])
    assert await dead_letters.replay(bus, [2 + len(forged)]) == ["evt_1"]


def _letter(id_: str, headers: dict[str, str]) -> Message:
    """Return a dead letter as the consumer `ledger` may store it, with whatever headers."""
    return Message(f"{DEAD_SUBJECT_PREFIX}.ledger.{TYPE}.0", id_, "pur_1", header_lines(headers), b"")


async def test_a_letter_of_a_type_that_its_consumer_does_not_take_is_forged(shop: Database, bus: Bus) -> None:
    """Its own subject may be all right: who may store letters of one consumer says nothing of other types."""
    (one,) = await bury_some(shop, bus, 1)
    for durables in ([], [Durable("other", (TYPE,))], [Durable("ledger", ("b.done",))]):
        with pytest.raises(LetterForged):
            await dead_letters.replay(bus, [1], durables=durables)
    assert await dead_letters.replay(bus, [1], durables=[Durable("ledger", (TYPE,))]) == [one.id]


async def test_replaying_what_does_not_exist_publishes_nothing(shop: Database, bus: Bus) -> None:
    """One unknown sequence among known ones spoils the call before anything was sent."""
    await bury_some(shop, bus, 1)
    with pytest.raises(NotFound):
        await dead_letters.replay(bus, [1, 99])
    with pytest.raises(Invalid):
        await dead_letters.replay(bus, range(1, 1_000))
    assert await count_stored(bus) == 1


async def test_of_a_stream_that_was_made_anew_a_letter_of_the_same_sequence_is_another(
    shop: Database, bus: Bus
) -> None:
    """Its message id names the event too: inside the duplicate window the broker would drop it without a word."""
    await bury_some(shop, bus, 1)
    await bus.api("STREAM.DELETE.CASHBACK")
    await bus.apply_streams()
    (second,) = await bury_some(shop, bus, 1)
    letters = await dead_letters.page(bus, limit=10)
    assert [letter.original_sequence for letter in letters] == [1, 1]
    assert letters[1].event_id == second.id


async def test_a_dead_letter_names_the_letters_that_its_event_was_before(shop: Database, bus: Bus) -> None:
    """From one replay to the next; on the event itself, as others see it, nothing of that stays in the end."""
    (one,) = await bury_some(shop, bus, 1)
    for number in (1, 3):
        await dead_letters.replay(bus, [number], by="ann")
        await work_off(bus, consumer(shop, bus, handler=Script({one.id: [Invalid("still wrong")]})))
    letters = await dead_letters.page(bus, limit=10)
    # Each replay leaves a verdict, which takes a sequence too.
    assert [(letter.sequence, letter.died_before) for letter in letters] == [(1, ()), (3, (1,)), (5, (1, 3))]
    assert [message["headers"].get("redriven-from") for message in await stored(bus)] == [None, "1", "1,3"]
    assert "redriven-from" not in letters[-1].headers


async def test_what_a_stranger_writes_of_earlier_deaths_is_not_believed(shop: Database, bus: Bus) -> None:
    """Headers on our subjects may be anything: the letter is kept, and says only what we know."""
    one = event("pur_1")
    message = to_message(one)
    lines = b"redriven-from: 1,x\r\ndlq-history: nonsense\r\ndlq-before: 7\r\n"
    await publish(bus, [msgspec.structs.replace(message, headers=message.headers + lines)])
    await work_off(bus, consumer(shop, bus, handler=Script({one.id: [Invalid("wrong")]})))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert (letter.died_before, [attempt.error for attempt in letter.history]) == ((), ["Invalid"])
    assert not {"redriven-from", "dlq-before"} & letter.headers.keys()
    assert letter.headers.get("dlq-history") != "nonsense"


async def test_a_discarded_and_a_replayed_letter_have_their_verdicts_and_stay(shop: Database, bus: Bus) -> None:
    """Who, when and why; both can be shown and replayed still, and one that does not exist spoils the call."""
    await bury_some(shop, bus, 3)
    before = await dead_letters.show(bus, 1)
    assert await dead_letters.discard(bus, [1], by="ann", reason="Käse, 100%") == [before.event_id]
    await dead_letters.replay(bus, [2], by="bob")
    assert await verdicts.settled(bus) == {1: "discarded", 2: "replayed"}
    settled = await verdicts.settled(bus)
    assert [letter.sequence for letter in await dead_letters.page(bus, limit=10, without=settled)] == [3]
    assert [letter.sequence for letter in await dead_letters.page(bus, limit=10)] == [1, 2, 3]
    (said,) = await verdicts.on(bus, 1)
    assert (said.word, said.by, said.reason) == ("discarded", "ann", "Käse, 100%")
    assert await dead_letters.show(bus, 1) == before
    await dead_letters.replay(bus, [1], by="bob")
    assert [said.word for said in await verdicts.on(bus, 1)] == ["discarded", "replayed"]
    assert await verdicts.on(bus, 3) == []
    for wrong in ([3, 99], [3, 4]):  # the fourth message is a verdict
        with pytest.raises(NotFound):
            await dead_letters.discard(bus, wrong, by="ann", reason="x")
    for reason in (" ", "x" * 501):
        with pytest.raises(Invalid):
            await dead_letters.discard(bus, [3], by="ann", reason=reason)
    assert 3 not in await verdicts.settled(bus)


async def test_a_page_goes_past_hundreds_of_verdicts_to_the_letters_behind(shop: Database, bus: Bus) -> None:
    """More of them than the broker is asked for at once."""
    await bury_some(shop, bus, 100)
    await verdicts.say(bus, "discarded", range(1, 100), by="ann", reason="x")
    await bury_some(shop, bus, 2)
    letters = await dead_letters.page(bus, limit=2, without=await verdicts.settled(bus))
    assert [letter.sequence for letter in letters] == [100, 200]
