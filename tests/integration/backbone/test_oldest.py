"""The age of the oldest event to publish, as a relay's gauge shows it: from the outbox, and not from what was read."""

import math

import pytest
from prometheus_client import REGISTRY
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, prepare, rows, running
from tests.integration.chain.forwarder import Forwarder
from tests.support.servers import Databases


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the outbox be asked every few moments."""
    monkeypatch.setattr("cashback.kernel.outbox.drain.age.LOOK_EVERY_S", 0.02)


def shown() -> float:
    """Return what the gauge shows; less than nothing as long as it shows nothing."""
    age_s = REGISTRY.get_sample_value("cashback_outbox_oldest_seconds", {"schema": SCHEMA})
    return -1.0 if age_s is None else age_s


async def is_nothing() -> bool:
    """Tell whether the gauge says that nothing waits."""
    return shown() == 0.0


async def is_unknown() -> bool:
    """Tell whether the gauge says that it does not know."""
    return math.isnan(shown())


async def grows(database: Database) -> bool:
    """Return True once the gauge has shown an age that the event had, and then a higher one."""

    async def is_above(age_s: float) -> bool:
        """Tell whether an age is shown that is higher."""
        return shown() > age_s

    await eventually(lambda: is_above(0.0))
    before_s = shown()
    await eventually(lambda: is_above(before_s))
    after_s = shown()
    ((age_s,),) = await rows(
        database, f"select extract(epoch from clock_timestamp() - min(time))::float8 from {SCHEMA}.outbox_events"
    )
    return bool(0 < before_s < after_s <= age_s)


async def test_while_the_broker_is_away_what_waits_is_shown_to_grow_older(
    databases: Databases, broker: EmbeddedNats
) -> None:
    """With the database lost as well nobody knows; with both back nothing waits."""
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        async with (
            Forwarder.before(int(str(conninfo_to_dict(dsn)["port"]))) as ways,
            Database.open(dsn, name="near") as database,
            Database.open(make_conninfo(dsn, host="127.0.0.1", port=str(ways.port)), name="far") as far,
            Bus.connect(broker.url(), name="only") as bus,
            running(drainer(far, bus).run),
        ):
            await eventually(is_nothing)
            broker.stop()
            await happened(database, event())
            assert await grows(database)
            ways.is_open = False
            ways.cut()
            await eventually(is_unknown)
            ways.is_open = True
            assert await grows(database)
            broker.start()
            await eventually(lambda: has_stored(bus, 1))
            await eventually(is_nothing)


async def test_a_relay_shows_the_age_of_what_is_in_lanes_that_it_does_not_hold(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So what it says is of now, and the same as any other relay says."""
    # A lease that does not run out while this test lasts.
    monkeypatch.setattr("cashback.kernel.outbox.lanes.AHEAD_MAX_S", 7_200.0)
    taken = "clock_timestamp() + interval '1 hour'"
    await rows(
        shop,
        f"update {SCHEMA}.outbox_cursors"
        f" set holder = 'other', token = 1, expires_at = {taken}, asked_by = 'other', asked_until = {taken}",
    )
    await happened(shop, event())
    async with running(drainer(shop, bus).run):
        assert await grows(shop)
        # Somebody else publishes it.
        await rows(
            shop, f"update {SCHEMA}.outbox_cursors set position = (select max(position) from {SCHEMA}.outbox_events)"
        )
        await eventually(is_nothing)
        assert await has_stored(bus, 0)
