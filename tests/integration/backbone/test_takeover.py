"""A relay that ends, stands still, or is cut off from the database or the broker alone: another goes on within 5 s."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import pytest
from prometheus_client import REGISTRY
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.kernel.outbox import append
from cashback.kernel.outbox.drain import Drainer
from cashback.processes.embedded import CashbackProcess, EmbeddedNats, free_port
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, prepare, rows, running, stored_ids
from tests.integration.chain.forwarder import Forwarder
from tests.integration.minting.world import dsn_of, give_roles
from tests.integration.minting.world import prepare as prepare_minting
from tests.support.servers import Databases

TAKEN_OVER_WITHIN_S: Final = 5.0
KEYS: Final = ("pur_0", "pur_1", "pur_2", "pur_3", "pur_4", "pur_5", "pur_6", "pur_7")
"""Of every lane some."""


@pytest.mark.invariant("I5", "I6")
@pytest.mark.parametrize("fate", [pytest.param("kill", marks=pytest.mark.deep), "stop"])
async def test_a_relay_that_ends_or_stands_still_with_a_batch_in_hand_is_followed_within_five_seconds(
    databases: Databases, bus: Bus, broker: EmbeddedNats, tmp_path: Path, fate: Literal["kill", "stop"]
) -> None:
    """And one that wakes up again publishes nothing out of order: the stream has every event once."""
    with databases.fresh(databases.template("minting_template", prepare_minting)) as dsn:
        give_roles(dsn)
        relay = CashbackProcess(
            "relay", log=tmp_path / "relay.log", port=(port := free_port()), settings=_hurt(fate, dsn, broker, port)
        )
        async with Database.open(dsn, name="heir") as database:
            await asyncio.to_thread(relay.start)
            try:
                await _happen(database, 1)
                await eventually(lambda: has_stored(bus, 8))
                taken_over = _takeovers()
                async with running(Drainer(database, bus, schema="minting", holder="heir").run):
                    await _happen(database, 1)
                    await eventually(lambda: has_stored(bus, 16), within_s=TAKEN_OVER_WITHIN_S)
                    assert _takeovers() > taken_over
                    if fate == "stop":
                        await asyncio.to_thread(relay.resume)
                        await eventually(lambda: _are_sharing(database, "minting"))
                        await _happen(database, 3)
                        await eventually(lambda: has_stored(bus, 40))
            finally:
                await asyncio.to_thread(relay.stop)
            expected = await rows(database, "select event_id from minting.outbox_events order by partition, position")
            lanes = dict(await rows(database, "select event_id, partition from minting.outbox_events"))
    assert sorted(await stored_ids(bus), key=lambda id_: lanes[id_]) == [row[0] for row in expected]


async def test_a_relay_that_lost_the_broker_alone_gives_its_lanes_to_one_that_has_it(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """It keeps its database, by which it could hold them for ever; with the broker back the lanes are shared again."""
    async with _two(shop, shop, broker) as ways:
        ways.is_open = False
        ways.cut()
        await happened(shop, *(event(key) for key in KEYS))
        await eventually(lambda: has_stored(bus, 8), within_s=TAKEN_OVER_WITHIN_S)
        await eventually(lambda: _holds_all(shop, "second"))
        ways.is_open = True
        await eventually(lambda: _are_sharing(shop, SCHEMA))


@pytest.mark.deep
async def test_a_relay_that_lost_the_database_alone_is_followed_within_five_seconds(
    databases: Databases, bus: Bus, broker: EmbeddedNats
) -> None:
    """Its leases run out, and with the database back the lanes are shared again."""
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        async with (
            Forwarder.before(int(str(conninfo_to_dict(dsn)["port"]))) as ways,
            Database.open(dsn, name="second") as database,
            Database.open(make_conninfo(dsn, host="127.0.0.1", port=str(ways.port)), name="first") as far,
            _two(far, database, broker),
        ):
            ways.is_open = False
            ways.cut()
            await happened(database, *(event(key) for key in KEYS))
            await eventually(lambda: has_stored(bus, 8), within_s=TAKEN_OVER_WITHIN_S)
            ways.is_open = True
            await eventually(lambda: _are_sharing(database, SCHEMA))


async def test_while_nobody_reaches_the_broker_nobody_holds_or_writes_anything(
    shop: Database, broker: EmbeddedNats
) -> None:
    """The outbox keeps what comes, and the cursors' rows are left alone; afterwards everything flows."""
    async with Bus.connect(broker.url(), name="only") as bus, running(drainer(shop, bus).run):
        await happened(shop, event())
        await eventually(lambda: has_stored(bus, 1))
        broker.stop()
        await happened(shop, event())
        await eventually(lambda: _are_free(shop))
        broker.start()
        await eventually(lambda: has_stored(bus, 2))


async def test_streams_are_there_before_the_first_event(shop: Database, broker: EmbeddedNats) -> None:
    """So `cashback doctor` is well from the start, and again after a broker came back empty."""
    async with Bus.connect(broker.url(), name="early") as bus, running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, 0))
        broker.stop()
        broker.wipe()
        broker.start()
        await eventually(lambda: has_stored(bus, 0))


def _hurt(fate: str, dsn: str, broker: EmbeddedNats, port: int) -> dict[str, str]:
    """Return the settings of a relay of minting that ends or stands still with its second batch in hand."""
    return {
        "CASHBACK_RELAY_SERVICE": "minting",
        "CASHBACK_RELAY_DSN": dsn_of("minting_relay", dsn),
        "CASHBACK_NATS_URL": broker.url(),
        "CASHBACK_PROBE_PORT": str(port),
        "CASHBACK_DEVELOPMENT": "true",
        "CASHBACK_FAILPOINTS": f"rows.read={fate}@2",
    }


def _takeovers() -> float:
    """Return how many lanes of minting this process has taken whose holder had not given them back."""
    return REGISTRY.get_sample_value("cashback_outbox_takeovers_total", {"schema": "minting"}) or 0.0


async def _happen(database: Database, times: int) -> None:
    """Commit so many events of each key to minting's outbox."""
    for _ in range(times):
        async with database.transaction() as tx:
            await append(tx, "minting", [event(key) for key in KEYS])


@asynccontextmanager
async def _two(first: Database, second: Database, broker: EmbeddedNats) -> AsyncIterator[Forwarder]:
    """Run two drainers that share the lanes, and yield the first one's way to the broker."""
    port = int(broker.url().rpartition(":")[2])
    async with (
        Forwarder.before(port) as ways,
        Bus.connect(broker.url().replace(str(port), str(ways.port)), name="first") as far,
        Bus.connect(broker.url(), name="second") as near,
        running(drainer(first, far, holder="first").run, drainer(second, near, holder="second").run),
    ):
        await eventually(lambda: _are_sharing(second, SCHEMA))
        yield ways


async def _are_sharing(database: Database, schema: str) -> bool:
    """Tell whether two drainers have two lanes each."""
    found = await rows(
        database, f"select count(*) from {schema}.outbox_cursors where expires_at > clock_timestamp() group by holder"
    )
    return found == [(2,), (2,)]


async def _holds_all(database: Database, holder: str) -> bool:
    """Tell whether all lanes are held by this one."""
    found = await rows(
        database,
        f"select split_part(holder, ':', 1), count(*) from {SCHEMA}.outbox_cursors"
        " where expires_at > clock_timestamp() group by 1",
    )
    return found == [(holder, 4)]


async def _are_free(database: Database) -> bool:
    """Tell whether every lane was given back."""
    return await rows(database, f"select distinct expires_at = '-infinity' from {SCHEMA}.outbox_cursors") == [(True,)]
