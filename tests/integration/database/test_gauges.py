"""Gauges that ask a database: they show what is so, and while it stands still that nobody knows; they never hang."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from cashback.kernel.db import Database, Tx
from cashback.kernel.gauges import Gauges
from cashback.processes.embedded import free_port
from tests.integration.backbone.world import eventually, prepare, running
from tests.support.servers import Databases


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """Give a database."""
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        yield dsn


class Shown:
    """What a gauge was set to, one after the other, and a question that may be slow."""

    def __init__(self) -> None:
        """Have shown nothing, and be quick."""
        self.values: list[int | None] = []
        self.slow_s = 0.0

    async def read(self, tx: Tx) -> int:
        """Return a number that the database knows."""
        cursor = await tx.execute("select 17 from pg_sleep(%s)", [self.slow_s])
        [(number,)] = await cursor.fetchall()
        return int(number)

    async def has_ended_with(self, *values: int | None) -> bool:
        """Tell whether these were shown last."""
        return self.values[-len(values) :] == list(values)


async def test_a_database_that_stands_still_is_not_known_of_and_is_asked_again(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that hangs is given up; the log says so once, however long it lasts."""
    monkeypatch.setattr("cashback.kernel.gauges.WITHIN_S", 0.1)
    shown = Shown()
    async with Database.open(dsn, name="gauges") as database:
        gauges = Gauges(database, name="test", read=shown.read, show=shown.values.append)
        await gauges.look()
        shown.slow_s = 60.0
        with capture_logs() as logs:
            await gauges.look()
            await gauges.look()
        shown.slow_s = 0.0
        monkeypatch.setattr("cashback.kernel.gauges.WITHIN_S", 5.0)
        await gauges.look()
    assert shown.values == [17, None, None, 17]
    assert [(line["event"], line["gauges"]) for line in logs] == [("gauges.unknown", "test")]


async def test_the_loop_looks_again_and_again_and_stops_though_its_question_hangs(dsn: str) -> None:
    """Whatever it waits for is cut off."""
    shown = Shown()
    async with Database.open(dsn, name="gauges") as database:
        gauges = Gauges(database, name="test", read=shown.read, show=shown.values.append, every_s=0.01)
        async with running(gauges.run):
            await eventually(lambda: shown.has_ended_with(17, 17, 17))
            shown.slow_s = 60.0
            await eventually(lambda: _is_asked(dsn))


async def _is_asked(dsn: str) -> bool:
    """Tell whether the slow question is under way."""
    async with Database.open(dsn, name="looking", connections_max=1) as database, database.transaction() as tx:
        cursor = await tx.execute(
            "select count(*) from pg_stat_activity where application_name = 'gauges' and wait_event = 'PgSleep'"
        )
        [(count,)] = await cursor.fetchall()
        return bool(count)


async def test_a_database_that_is_away_is_not_known_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first look on."""
    monkeypatch.setattr("cashback.kernel.db.POOL_WAIT_S", 0.1)
    shown = Shown()
    async with Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", name="lost") as lost:
        await Gauges(lost, name="test", read=shown.read, show=shown.values.append).look()
    assert shown.values == [None]
