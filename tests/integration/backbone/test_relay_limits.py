"""What a relay may cost: memory with the largest events, and pages looked at while somebody holds an old snapshot open.

Pages are counted by PostgreSQL, statement by statement: a busy machine counts the same ones. How fast events flow under
an old snapshot say the benchmarks `relay` and `consume`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.kernel.outbox import PARTITIONS, append
from cashback.processes.embedded import CashbackProcess, EmbeddedNats, EmbeddedPostgres, free_port
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import SCHEMA, count_stored, event, eventually, happened, prepare, rows, running
from tests.integration.minting.world import dsn_of, give_roles
from tests.integration.minting.world import prepare as prepare_minting
from tests.support.memory import peak_mib
from tests.support.servers import Databases

LARGEST: Final = 65_536
LARGE_EVENTS: Final = 5_000
MEMORY_MAX_MIB: Final = 150
ARRIVE_WITHIN_S: Final = 120.0
ROUNDS: Final = 10
ROUND_EVENTS: Final = 2_500
COMMITS: Final = 5
COMMIT_EVENTS: Final = 5
VERSIONS_KEPT: Final = 2_000
"""Of each cursor: as many as a relay writes in three minutes."""

PAGES_PER_EVENT_MAX: Final = 0.25
PAGES_PER_CURSOR_MAX: Final = 15.0
"""Two without an old snapshot, six or seven with it: a version on a page of its own is compared with all in the index.

A write that finds its row by that index looks at 74.
"""

VERSIONS_PER_EVENT_MAX: Final = 0.1
MOVES_BEFORE_A_RENEWAL: Final = 9
BEFORE_A_TENTH_S: Final = 0.099
AFTER_A_TENTH_S: Final = 0.101
"""A relay renews its lanes once a second: nine times the latter is sooner."""

READS: Final = f"%octet_length(data)%from {SCHEMA}.outbox_events%"
CURSORS: Final = f"%update {SCHEMA}.outbox_cursors%"
MOVES: Final = f"{CURSORS}greatest(lane.position%"
"""Statements of a relay: what comes next, any write of cursors, and those writes that move them."""

pytestmark = pytest.mark.deep


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[str]:
    """Give the DSN of a database with the schema `shop` on a server that counts what each statement looks at."""
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    with EmbeddedPostgres(tmp_path / "postgres", durable=False, settings=settings) as server:
        prepare(server.dsn())
        yield server.dsn()


@pytest.fixture
async def counted(counting: str) -> AsyncIterator[Database]:
    """Give that database, opened."""
    async with Database.open(counting, name="counted") as database:
        await rows(database, "create extension pg_stat_statements")
        yield database


async def test_a_relay_with_the_largest_events_stays_within_its_memory(
    databases: Databases, bus: Bus, broker: EmbeddedNats, tmp_path: Path
) -> None:
    """312 MiB of data in the outbox: the process never holds more than its bound."""
    port = free_port()
    with databases.fresh(databases.template("minting_template", prepare_minting)) as dsn:
        give_roles(dsn)
        async with Database.open(dsn, name="writer") as database:
            for _ in range(LARGE_EVENTS // 100):
                async with database.transaction() as tx:
                    await append(tx, "minting", [event(f"pur_{key}", data=b"x" * LARGEST) for key in range(100)])
            settings = {
                "CASHBACK_RELAY_SERVICE": "minting",
                "CASHBACK_RELAY_DSN": dsn_of("minting_relay", dsn),
                "CASHBACK_NATS_URL": broker.url(),
                "CASHBACK_PROBE_PORT": str(port),
            }
            relay = CashbackProcess("relay", log=tmp_path / "relay.log", port=port, settings=settings)
            await asyncio.to_thread(relay.start)
            try:
                await eventually(lambda: has_stored(bus, LARGE_EVENTS), within_s=ARRIVE_WITHIN_S)
                peak = peak_mib(relay.pid)
            finally:
                await asyncio.to_thread(relay.stop)
    assert peak < MEMORY_MAX_MIB


async def test_under_an_old_snapshot_a_relay_looks_at_few_pages(counting: str, counted: Database, bus: Bus) -> None:
    """Neither reading an event nor moving a cursor leads past the thousands of versions kept, and few are added."""
    async with _old_snapshot(counting):
        await _keep_versions(counted)
        async with running(drainer(counted, bus).run):
            spent = await _spent(counted, bus)
    assert 0 < spent.pages_per_event <= PAGES_PER_EVENT_MAX
    assert 0 < spent.pages_per_cursor <= PAGES_PER_CURSOR_MAX
    assert 0 < spent.versions_per_event <= VERSIONS_PER_EVENT_MAX


async def test_of_events_that_trickle_cursors_move_ten_times_a_second_at_most(
    counted: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each move is a version that an old snapshot keeps; a tenth of a second is one of the relay's own clock.

    That stands until it is set on, so that no machine is slow enough for more moves.
    """
    clock = Standing()
    for module in ("drain.drainer", "lanes"):
        monkeypatch.setattr(f"cashback.kernel.outbox.{module}.monotonic_s", clock)
    async with running(drainer(counted, bus).run):
        for moves in range(MOVES_BEFORE_A_RENEWAL):
            await _trickle(counted, bus)
            clock.now_s += BEFORE_A_TENTH_S
            await _trickle(counted, bus)
            assert (await _counted(counted, MOVES)).calls == moves
            clock.now_s += AFTER_A_TENTH_S - BEFORE_A_TENTH_S
            await eventually(partial(_has_moved, counted, moves + 1))
        moved = await _counted(counted, CURSORS)
    # Beside the moves the lanes were taken, once.
    assert 0 < moved.rows <= PARTITIONS * (MOVES_BEFORE_A_RENEWAL + 1)


class Standing:
    """A monotonic clock that stands until it is set on."""

    def __init__(self) -> None:
        """Stand where no machine's begins."""
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return what time it is."""
        return self.now_s


class Counted(NamedTuple):
    """What statements of a kind have come to."""

    calls: int
    rows: int
    pages: int


class Spent(NamedTuple):
    """What rounds of events took a relay."""

    pages_per_event: float
    pages_per_cursor: float
    versions_per_event: float


async def _spent(counted: Database, bus: Bus) -> Spent:
    """Return what is spent on rounds of events by a relay that runs; what it looks at in vain is not counted."""
    await _round(counted, bus)
    await rows(counted, "select pg_stat_statements_reset()")
    await eventually(lambda: _has_looked(counted))
    idle = await _counted(counted, READS)
    assert idle.rows == 0
    await rows(counted, "select pg_stat_statements_reset()")
    for _ in range(ROUNDS):
        await _round(counted, bus)
    reads, moves = await _counted(counted, READS), await _counted(counted, MOVES)
    return Spent(
        pages_per_event=(reads.pages - reads.calls * idle.pages / idle.calls) / reads.rows,
        pages_per_cursor=moves.pages / moves.rows,
        versions_per_event=moves.rows / reads.rows,
    )


async def _round(counted: Database, bus: Bus) -> None:
    """Commit events together, and return when all are stored."""
    already = await count_stored(bus)
    await happened(counted, *(event(f"pur_{key}") for key in range(ROUND_EVENTS)))
    await eventually(lambda: has_stored(bus, already + ROUND_EVENTS))


async def _trickle(counted: Database, bus: Bus) -> None:
    """Commit a few events at a time, each time once the last ones are stored: by then it was decided about a move."""
    for _ in range(COMMITS):
        already = await count_stored(bus)
        await happened(counted, *(event(f"pur_{key}") for key in range(COMMIT_EVENTS)))
        await eventually(partial(has_stored, bus, already + COMMIT_EVENTS))


async def _has_moved(counted: Database, times: int) -> bool:
    """Tell whether cursors were moved so often."""
    return (await _counted(counted, MOVES)).calls == times


async def _has_looked(counted: Database) -> bool:
    """Tell whether the relay has read since statements were counted anew."""
    return (await _counted(counted, READS)).calls > 0


async def _counted(counted: Database, like: str) -> Counted:
    """Return what the statements whose text is `like` that have come to."""
    ((calls, count, pages),) = await rows(
        counted,
        """
        select coalesce(sum(calls), 0)::bigint,
            coalesce(sum(rows), 0)::bigint,
            coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint
        from pg_stat_statements
        where query like %s
        """,
        like,
    )
    return Counted(calls, count, pages)


async def _keep_versions(counted: Database) -> None:
    """Write each cursor so often that an old snapshot keeps thousands of versions of it."""
    await rows(
        counted,
        f"""
        do $$ begin
            for _ in 1..{VERSIONS_KEPT} loop
                update {SCHEMA}.outbox_cursors set position = position;
            end loop;
        end $$
        """,
    )


@asynccontextmanager
async def _old_snapshot(dsn: str) -> AsyncIterator[None]:
    """Hold a snapshot of before everything open while the block lasts."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("begin isolation level repeatable read")
        await connection.execute("select 1")
        yield
