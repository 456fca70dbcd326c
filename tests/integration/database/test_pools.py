"""What a probe shows of a process's database: its pool, its round trips, and that it is not to be had."""

import asyncio

import psycopg
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.db import Database, DatabaseUnavailable
from cashback.processes.embedded import EmbeddedPostgres, free_port
from tests.support.facts import eventually
from tests.support.pools import holding

NAME = "pool-of-a-test"
POOL = {"db_client_connection_pool_name": NAME}


def shown(name: str, **labels: str) -> float | None:
    """Return what a metric shows."""
    return REGISTRY.get_sample_value(name, labels)


def connections() -> tuple[float | None, float | None]:
    """Return how many of the pool's connections are idle and used."""
    idle, used = (
        shown("db_client_connection_count", **POOL, db_client_connection_state=state) for state in ("idle", "used")
    )
    return idle, used


async def test_a_pool_shows_who_has_its_connections_and_who_waits(provided: EmbeddedPostgres) -> None:
    """While it is open: afterwards there is none of that name."""
    async with Database.open(provided.dsn(), name=NAME, connections_max=1) as database:
        await database.ping()
        assert connections() == (1, 0)
        async with holding(database):
            waiting = asyncio.create_task(database.ping())

            async def waits() -> bool | None:
                """Tell whether somebody waits."""
                return shown("db_client_connection_pending_requests", **POOL) == 1 or None

            await eventually(waits, within_s=10, what="somebody waits for a connection", every_s=0.01)
            assert connections() == (0, 1)
        await waiting
        assert connections() == (1, 0)
        assert shown("db_client_connection_max", **POOL) == 1
        assert shown("db_client_connection_timeouts_total", **POOL) == 0
    assert connections() == (None, None)


async def test_a_connection_that_was_not_had_in_time_is_counted(
    provided: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the pool as a timeout, of the process as a failure of its database."""
    monkeypatch.setattr("cashback.kernel.db.POOL_WAIT_S", 0.05)
    before = shown("cashback_database_failures_total") or 0
    async with Database.open(provided.dsn(), name=NAME, connections_max=1) as database:
        async with holding(database):
            with pytest.raises(DatabaseUnavailable):
                await database.ping()
        assert shown("db_client_connection_timeouts_total", **POOL) == 1
    assert shown("cashback_database_failures_total") == before + 1


def round_trips() -> dict[str, float]:
    """Return how many round trips were timed, by what they failed with."""
    [metric] = [one for one in REGISTRY.collect() if one.name == "db_client_operation_duration_seconds"]
    counts = [sample for sample in metric.samples if sample.name.endswith("_count")]
    assert {sample.labels["db_system_name"] for sample in counts} == {"postgresql"}
    return {sample.labels["error_type"]: sample.value for sample in counts}


async def test_each_round_trip_is_timed_and_a_refused_one_under_its_class(provided: EmbeddedPostgres) -> None:
    """One for each statement in autocommit; waiting for a notification is none, whether one comes or not."""
    async with Database.open(provided.dsn(), name=NAME) as database, database.session() as session:
        await database.ping()
        before = round_trips()
        await session.execute("select 1")
        with pytest.raises(psycopg.errors.DivisionByZero):
            await session.execute("select 1 / 0")
        assert [one async for one in session.notifies(timeout=0.01)] == []
        risen = {kind: count - before.get(kind, 0) for kind, count in round_trips().items()}
        assert {kind: count for kind, count in risen.items() if count} == {"": 1, "DivisionByZero": 1}


async def test_a_server_that_is_not_there_is_a_failure(provided: EmbeddedPostgres) -> None:
    """For whoever opens a session too."""
    before = shown("cashback_database_failures_total") or 0
    nowhere = provided.dsn().replace(f":{provided.port}/", f":{free_port()}/")
    async with Database.open(nowhere, name=NAME) as database:
        with pytest.raises(DatabaseUnavailable):
            async with database.session():
                pass
    assert shown("cashback_database_failures_total") == before + 1
