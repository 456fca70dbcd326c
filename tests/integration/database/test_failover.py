"""A primary dies and its standby takes its place, at the other address of everybody's connection string."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import psycopg
import pytest

from cashback.kernel import servers
from cashback.kernel.bus import Bus
from cashback.kernel.db import Database, DatabaseUnavailable
from cashback.kernel.migrations import head
from cashback.kernel.outbox.drain import Drainer
from cashback.processes import migrate
from cashback.processes.embedded import EmbeddedNats, EmbeddedPostgres
from cashback.processes.embedded.facts import HOST, free_port
from cashback.purchases.model import Merchant, NewPurchase, User
from tests.integration.backbone.world import stored_ids
from tests.integration.database import rights
from tests.integration.database.attempts import Attempt
from tests.integration.ledger.world import Dsns, World, buy, open_world
from tests.support.facts import eventually
from tests.support.standby import promote, standby_of, wait_for_standby

BUYERS: Final = 4
SOME: Final = 25
GOES_ON_WITHIN_S: Final = 30.0


class Pair(NamedTuple):
    """Two servers, of which the second follows the first."""

    primary: EmbeddedPostgres
    standby: EmbeddedPostgres


class Ways(Dsns, frozen=True):
    """Connection strings that name both servers."""

    places: str

    def of(self, role: str) -> str:
        """Return that of one of the service's roles."""
        return of_both(self.places, "cashback", user=role, password=rights.PASSWORD)


class Buying:
    """Purchases that are recorded side by side, each until it was told to be, under the same key."""

    def __init__(self, world: World, user: User, merchant: Merchant) -> None:
        """Have none recorded yet."""
        self._world, self._user, self._merchant = world, user, merchant
        self.sent: list[NewPurchase] = []
        self.acknowledged: list[str] = []
        self.failures = 0

    async def run(self) -> None:
        """Record one after the other, for ever."""
        while True:
            purchase = buy(self._user, self._merchant)
            self.sent.append(purchase)
            while not await self._is_recorded(purchase):
                self.failures += 1

    async def _is_recorded(self, purchase: NewPurchase) -> bool:
        """Record a purchase once more, and tell whether it was acknowledged."""
        try:
            (answer,) = await self._world.record(purchase)
        except DatabaseUnavailable:
            return False
        self.acknowledged.append(answer.id)
        return True

    async def reach(self, number: int) -> None:
        """Return when so many were acknowledged."""

        async def has_reached() -> bool | None:
            """Tell whether they are."""
            return True if len(self.acknowledged) >= number else None

        await eventually(has_reached, within_s=GOES_ON_WITHIN_S, what=f"{number} purchases were acknowledged")


def of_both(places: str, database: str, *, user: str, password: str) -> str:
    """Return a connection string that names both servers and wants the one that may be written to."""
    return (
        f"postgresql://{user}:{quote(password, safe='')}@{places}/{database}"
        "?target_session_attrs=read-write&application_name=of-a-test"
    )


def migrated(places: str, password: str) -> dict[str, str]:
    """Migrate the services over a connection string that names both servers, and return the revisions."""
    return migrate.migrate(rights.settings(of_both(places, "postgres", user="postgres", password=password)))


def services_at(server: EmbeddedPostgres) -> list[str]:
    """Return the roles of services that are connected to a server."""
    query = "select distinct usename::text from pg_stat_activity where usename like 'cashback_%' order by 1"
    with psycopg.connect(server.dsn()) as connection:
        return [role for (role,) in connection.execute(query)]


async def waits(server: EmbeddedPostgres) -> bool | None:
    """Tell whether a purchase is committed and not acknowledged, because the standby does not have it yet."""
    query = "select from pg_stat_activity where usename = 'cashback_api' and wait_event = 'SyncRep'"
    async with await psycopg.AsyncConnection.connect(server.dsn()) as connection:
        return await (await connection.execute(query)).fetchone() is not None or None


@pytest.fixture
def places() -> str:
    """Give the addresses of a pair that does not run yet, its standby first."""
    standby, primary = free_port(), free_port()
    return f"{HOST}:{standby},{HOST}:{primary}"


@pytest.fixture
def pair(tmp_path: Path, places: str) -> Iterator[Pair]:
    """Give a migrated primary and the standby that every commit waits for."""
    ports = [int(place.rpartition(":")[2]) for place in places.split(",")]
    data_dir = tmp_path / "primary"
    with EmbeddedPostgres(data_dir, port=ports[1], durable=False) as primary:
        migrated(places, (data_dir / "password").read_text())
        with standby_of(primary, tmp_path / "standby", data_dir=data_dir, port=ports[0]) as standby:
            wait_for_standby(primary)
            yield Pair(primary, standby)


@pytest.fixture
async def world(pair: Pair, places: str) -> AsyncIterator[World]:
    """Give the services as their processes have them: each over a string that names both."""
    with psycopg.connect(pair.primary.dsn("cashback")) as connection:
        connection.execute("select ledger.account_for_numbers(0)")
    async with open_world(Ways(pair.standby.dsn("cashback"), places)) as world:
        yield world


@pytest.mark.invariant("I5", "I7")
async def test_a_primary_dies_and_nothing_that_was_acknowledged_is_lost(
    pair: Pair, world: World, places: str, nats: EmbeddedNats
) -> None:
    """The API records on, and the relay publishes each purchase, though nobody is started again.

    Nobody goes back to the old primary when it comes up again, which believes that it still is one.
    """
    await world.programme()
    buying = Buying(world, await world.user(), await world.merchant())
    stop = asyncio.Event()
    async with (
        Bus.connect(nats.url(), name="failover") as bus,
        Database.open(world.dsns.of("cashback_relay"), name="cashback_relay") as relay,
        asyncio.TaskGroup() as group,
    ):
        drainer = Drainer(relay, bus, schema="purchases", holder="failover")
        draining = group.create_task(drainer.run(stop))
        buyers = [group.create_task(buying.run()) for _ in range(BUYERS)]
        await buying.reach(SOME)
        pair.standby.pause()
        # Nobody is answered now, so that the blow cannot fall between two purchases.
        await eventually(partial(waits, pair.primary), within_s=GOES_ON_WITHIN_S, what="a commit waits for the standby")
        await asyncio.to_thread(pair.primary.kill)
        pair.standby.resume()
        before = len(buying.acknowledged)
        await asyncio.to_thread(promote, pair.standby)
        await buying.reach(before + SOME)
        await asyncio.to_thread(pair.primary.start)
        await buying.reach(before + 2 * SOME)
        assert services_at(pair.primary) == []
        assert set(services_at(pair.standby)) >= {"cashback_api", "cashback_relay"}
        for buyer in buyers:
            buyer.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*buyers)
        assert buying.failures > 0

        recorded = [row[0] for row in await world.rows("select id from purchases.purchases")]
        assert set(buying.acknowledged) <= set(recorded)
        assert len(buying.acknowledged) == len(set(buying.acknowledged))
        assert len(buying.sent) - BUYERS <= len(recorded) <= len(buying.sent)
        expected = {row[0] for row in await world.rows("select event_id from purchases.outbox_events")}

        async def all_published() -> bool | None:
            """Tell whether each event is in the stream."""
            return True if expected <= set(await stored_ids(bus)) else None

        await eventually(all_published, within_s=GOES_ON_WITHIN_S, what="all events are published")
        stop.set()
        await draining
    assert migrated(places, pair.standby._password())["ledger"]


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Give the address of a server that lets everybody in and says nothing, as one that is frozen does."""
    over = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep the connection."""
        await over.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, HOST, 0)
    async with server:
        yield f"{HOST}:{server.sockets[0].getsockname()[1]}"
        over.set()


async def test_a_frozen_server_leaves_the_other_one_its_turn(postgres: EmbeddedPostgres, silent: str) -> None:
    """The other is found before whoever waits for a connection of the pool loses patience."""
    dsn = postgres.dsn().replace(f"{HOST}:{postgres.port}", f"{silent},{HOST}:{postgres.port}")
    async with Database.open(dsn, name="of-a-test") as database:
        await database.ping()


async def test_however_many_are_frozen_a_connection_is_not_waited_for_for_ever(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is on all of them together."""
    monkeypatch.setattr(servers, "CONNECT_WITHIN_S", 0.5)
    dsn = f"postgresql://nobody:nothing@{','.join([silent] * 8)}/nowhere"
    async with Database.open(dsn, name="of-a-test") as database:
        with pytest.raises(DatabaseUnavailable) as caught:
            async with database.session():
                pass
    assert "no connection within" in str(caught.value.__cause__)


@pytest.mark.deep
@pytest.mark.timeout(60)
async def test_a_migration_passes_a_frozen_server(
    provided: EmbeddedPostgres, tries: Mapping[str, Sequence[Attempt]], silent: str
) -> None:
    """Whoever provides the databases, and each owner, finds the other one; psycopg would wait for two minutes."""
    assert "chain" in tries
    dsn = provided.dsn().replace(f"{HOST}:{provided.port}", f"{silent},{HOST}:{provided.port}")
    revisions = await asyncio.to_thread(migrate.migrate, rights.settings(dsn), ("chain",))
    assert revisions == {"chain": head("chain")}
