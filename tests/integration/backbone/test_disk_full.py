"""The broker's disk is full: the outbox keeps what comes, and once there is room again nothing is missing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cashback.kernel.bus import Bus, BusUnavailable, publish
from cashback.kernel.db import Database
from cashback.kernel.outbox import Event
from tests.integration.backbone.loops import consumer, drainer, has_stored, have_applied
from tests.integration.backbone.world import applied, event, eventually, happened, running, to_message
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovers
from tests.support.small_disk import CrampedNats, SmallDisk, small_disk

LARGE: Final = b'"' + bytes(32 * 1024).replace(b"\0", b"x") + b'"'


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Give a disk of 24 MB."""
    with small_disk(tmp_path / "cramped" / "jetstream", size="24m") as disk:
        yield disk


@pytest.fixture
def cramped(tmp_path: Path, disk: SmallDisk) -> Iterator[CrampedNats]:
    """Give a broker on it."""
    with CrampedNats(tmp_path / "cramped", disk=disk) as server:
        yield server


@pytest.mark.invariant("I5", "I6")
async def test_a_broker_whose_disk_was_full_has_every_event_once_there_is_room(
    shop: Database, disk: SmallDisk, cramped: CrampedNats
) -> None:
    """It refuses, and is restarted by whoever made room; what it had said to be stored is stored."""
    events: list[Event] = []

    async def happen() -> None:
        """Have ten large events happen, of five keys."""
        these = [event(f"pur_{number % 5}", data=LARGE) for number in range(10)]
        await happened(shop, *these)
        events.extend(these)

    async with (
        Bus.connect(cramped.url(), name="cramped") as bus,
        running(drainer(shop, bus).run),
        running(consumer(shop, bus).run),
    ):
        await happen()
        await eventually(lambda: have_applied(shop, len(events)))
        disk.fill()
        await happen()
        with pytest.raises(BusUnavailable):
            await publish(bus, [to_message(events[-1])])
        await happen()
        assert sorted(await applied(shop)) == sorted(one.id for one in events[:10])
        assert "no space left on device" in cramped.log.read_text()
        disk.free()
        await asyncio.to_thread(cramped.restart)
        await recovers(
            lambda: have_applied(shop, len(events)), within_s=RECOVERS_SERVER_WITHIN_S, what="all events are applied"
        )
        await eventually(lambda: has_stored(bus, len(events)))
    assert sorted(await applied(shop)) == sorted(one.id for one in events)
