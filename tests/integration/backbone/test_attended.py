"""Whether anybody is at work is seen from outside, of workers on a real broker, and of a relay by its outbox."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import pytest

from cashback.kernel.bus import Bus, Delivery, attended, publish
from cashback.kernel.bus.attended import unattended
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.config import Secret
from cashback.kernel.db import Database, Tx
from cashback.processes.doctor.databases import EventsUnpublished, outboxes
from tests.integration.backbone.loops import are_done, consumer, drainer, some, work_off
from tests.integration.backbone.world import (
    SCHEMA,
    apply,
    event,
    eventually,
    happened,
    prepare,
    rows,
    running,
    to_message,
)
from tests.support.facts import pause
from tests.support.servers import Databases

NAME: Final = "ledger"


async def are_unattended(bus: Bus) -> list[str]:
    """Return which of the consumers nobody works off."""
    return sorted(await unattended(bus, stream=EVENTS.name, names=[NAME, "nowhere"]))


async def is_noticed(bus: Bus) -> bool:
    """Tell whether the one consumer is known to have no worker."""
    return await are_unattended(bus) == [NAME]


async def test_what_waits_for_a_worker_that_is_gone_is_seen_until_one_is_at_work(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was ever given to anybody or not; without anything to do nobody is missed."""
    monkeypatch.setattr(attended, "QUIET_S", 1.0)
    assert await are_unattended(bus) == []
    await publish(bus, [to_message(event())])
    await work_off(bus, consumer(shop, bus, name=NAME), NAME)
    assert await are_unattended(bus) == []
    await publish(bus, [to_message(event("pur_2"))])
    await eventually(lambda: is_noticed(bus))
    async with running(consumer(shop, bus, name=NAME).run):
        await eventually(lambda: are_done(bus, NAME))
        assert await are_unattended(bus) == []


async def test_what_nobody_was_ever_given_is_seen_at_once(bus: Bus) -> None:
    """The consumer was made, and its worker never came."""
    await publish(bus, [to_message(event())])
    body = {"stream_name": EVENTS.name, "config": {"durable_name": NAME, "ack_policy": "explicit"}}
    await bus.api(f"CONSUMER.CREATE.{EVENTS.name}.{NAME}", body)
    assert await are_unattended(bus) == [NAME]


async def test_a_worker_that_hangs_with_what_it_has_in_hand_is_as_good_as_none(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on saying that it works on it, and neither takes nor answers anything."""
    monkeypatch.setattr(attended, "QUIET_S", 1.0)
    goes_on = asyncio.Event()

    async def hang(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply once it may."""
        await goes_on.wait()
        await apply(tx, deliveries)

    await publish(bus, [to_message(event())])
    async with running(consumer(shop, bus, name=NAME, handler=hang).run):
        await eventually(lambda: is_noticed(bus))
        goes_on.set()
        await eventually(lambda: are_done(bus, NAME))


async def test_of_a_worker_that_has_more_than_enough_to_do_nothing_is_said(shop: Database, bus: Bus) -> None:
    """It is given a few at once, takes its time for each few, and asks for more only when it has fewer than these."""
    looks = 0

    async def work(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, after a while."""
        await pause(0.02)
        await apply(tx, deliveries)

    await publish(bus, [to_message(one) for one in some(1_000)])
    async with running(consumer(shop, bus, name=NAME, handler=work, batch_max=4).run):
        while not await are_done(bus, NAME):
            assert await are_unattended(bus) == []
            looks += 1
    assert looks > 1


async def test_events_that_no_relay_publishes_are_seen_until_one_does(databases: Databases, bus: Bus) -> None:
    """By the age of the oldest beyond the cursors, with the service whose relay is to be started."""
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        async with Database.open(dsn, name="backbone") as database:
            assert await outboxes(Secret(dsn), "shops", (SCHEMA,)) == f"{SCHEMA} is published"
            await happened(database, *some(3))
            await rows(database, f"update {SCHEMA}.outbox_events set time = time - interval '10 seconds'")
            # However long a look takes, as long as that is no minute.
            assert re.fullmatch(rf"{SCHEMA} is [1-5]\d s behind", await outboxes(Secret(dsn), "shops", (SCHEMA,)))
            await rows(database, f"update {SCHEMA}.outbox_events set time = time - interval '2 minutes'")
            with pytest.raises(EventsUnpublished, match="`cashback relay` with CASHBACK_RELAY_SERVICE=shops") as said:
                await outboxes(Secret(dsn), "shops", (SCHEMA,))
            assert f"those of {SCHEMA} for 1" in said.value.detail

            async def is_published() -> bool:
                """Tell whether nothing waits any more."""
                with suppress(EventsUnpublished):
                    return await outboxes(Secret(dsn), "shops", (SCHEMA,)) == f"{SCHEMA} is published"
                return False

            async with running(drainer(database, bus).run):
                await eventually(is_published)
