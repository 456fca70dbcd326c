"""Events that an earlier release wrote, on every way to a handler of this one; and of one that is yet to come."""

from collections.abc import Sequence
from typing import Final

import pytest

from cashback.events import decode
from cashback.kernel.bus import Bus, Delivery, dead_letters, publish
from cashback.kernel.bus.replay import replay
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Invalid
from cashback.kernel.outbox.replay import replay_outbox
from tests.integration.backbone.loops import Script, consumer, drainer, has_stored, work_off
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, running, to_message
from tests.support.versions import READ, WRITTEN, Thing, ThingThen

EVENTS: Final = [event(f"pur_{version}", data=data, version=version) for version, data in WRITTEN.items()]
"""One event of each version."""


class Reader:
    """A handler that reads what it is given as one struct, and remembers it."""

    def __init__(self, kind: type[Thing | ThingThen] = Thing) -> None:
        """Read as `kind`: that of this release, or that of the one before."""
        self.read: list[Thing | ThingThen] = []
        self._kind = kind

    async def __call__(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Read the deliveries."""
        del tx
        self.read += [decode(one.data, self._kind, version=one.version) for one in deliveries]


async def drained(shop: Database, bus: Bus) -> None:
    """Commit one event of each version and let the relay publish them."""
    await happened(shop, *EVENTS)
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, len(EVENTS)))


async def test_events_of_old_versions_are_upcast_on_their_way_from_the_outbox(shop: Database, bus: Bus) -> None:
    """Old bytes, new struct: the handler knows of no version but the newest."""
    reader = Reader()
    await drained(shop, bus)
    await work_off(bus, consumer(shop, bus, handler=reader))
    assert reader.read == [READ] * len(EVENTS)


@pytest.mark.parametrize("source", ["stream", "outbox"])
async def test_events_of_old_versions_are_upcast_when_they_are_replayed(shop: Database, bus: Bus, source: str) -> None:
    """A consumer that starts afterwards meets each twice and applies it once, as the newest struct."""
    reader = Reader()
    await drained(shop, bus)
    if source == "stream":
        await replay(bus, start=1)
    else:
        await replay_outbox(shop, bus, schema=SCHEMA)
    await eventually(lambda: has_stored(bus, 2 * len(EVENTS)))
    await work_off(bus, consumer(shop, bus, handler=reader))
    assert reader.read == [READ] * len(EVENTS)


async def test_events_of_old_versions_are_upcast_when_they_come_back_from_the_dead_letters(
    shop: Database, bus: Bus
) -> None:
    """What was given up before an upgrade is read after it."""
    reader = Reader()
    await publish(bus, [to_message(one) for one in EVENTS])
    failing = Script({one.id: [Invalid("no")] for one in EVENTS})
    await work_off(bus, consumer(shop, bus, handler=failing))
    letters = await dead_letters.page(bus, limit=10)
    assert len(letters) == len(EVENTS)
    await dead_letters.replay(bus, [one.sequence for one in letters])
    await work_off(bus, consumer(shop, bus, handler=reader))
    assert reader.read == [READ] * len(EVENTS)


async def test_a_version_from_the_future_becomes_a_dead_letter_and_is_read_after_the_upgrade(
    shop: Database, bus: Bus
) -> None:
    """A release that knows two versions applies those, gives up the third, and says what to do."""
    of_before, of_today = Reader(ThingThen), Reader()
    await publish(bus, [to_message(one) for one in EVENTS])
    await work_off(bus, consumer(shop, bus, handler=of_before))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert letter.event_id == EVENTS[2].id
    assert "thing.happened is known here up to version 2, not in 3: upgrade, then replay" in letter.reason
    # A handler that fails is asked again for each event alone.
    assert set(of_before.read) == {ThingThen(thing_id="pur_1", amount="1999", currency="USD")}
    await dead_letters.replay(bus, [letter.sequence])
    await work_off(bus, consumer(shop, bus, handler=of_today))
    assert of_today.read == [READ]
