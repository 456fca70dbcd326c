"""The ledger worker has the ledger reconciled when that is due, once for all workers, and tells what was found."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cashback.kernel import lease
from cashback.kernel.clock import ManualClock, advance, start_file
from cashback.kernel.config import Secret, SettingsInvalid, load
from cashback.kernel.db import Database
from cashback.ledger.service import Reconciliations
from cashback.processes import ledger_worker, reconcile
from cashback.processes.embedded import HOST, CashbackProcess, EmbeddedNats, free_port
from cashback.processes.reconcile import Kind, last_runs
from cashback.processes.reconciling import FINDINGS, LEASE, LEASE_TTL_S, RUNS, SCHEMA, Auditing, Reconciler
from tests.integration.chain.support import running
from tests.integration.reconcile.plants import PLANTS
from tests.integration.reconcile.story import Scene, Ways
from tests.support.facts import eventually

HOUR = timedelta(hours=1)
AUDITORS = ("CASHBACK_LEDGER_AUDIT_DSN", "CASHBACK_MINTING_AUDIT_DSN", "CASHBACK_CHAIN_AUDIT_DSN")


@pytest.fixture
async def database(scene: Scene) -> AsyncIterator[Database]:
    """Give the ledger's database as its worker sees it."""
    async with scene.ledger() as ledger:
        yield ledger.worker


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that begins now, since runs are dated by the machine's."""
    return ManualClock(datetime.now(UTC))


def reconciler(scene: Scene, database: Database, clock: ManualClock, *, holder: str = "worker") -> Reconciler:
    """Return one that goes on hourly and begins anew daily, not within the next hours."""
    hour = (clock.now().hour + 12) % 24
    auditing = Auditing(every=HOUR, whole_hour=hour, settings=scene.settings)
    return Reconciler(database, auditing, clock, holder=holder)


async def runs(scene: Scene) -> list[tuple[str, str]]:
    """Return mode and asker of every run, oldest first."""
    found = await last_runs(load(reconcile.Settings, scene.settings), limit=100)
    return [(one.mode, one.asked_by) for one in reversed(found)]


async def test_a_run_is_had_when_it_is_due_and_a_whole_one_once_a_day(
    scene: Scene, database: Database, clock: ManualClock
) -> None:
    """The first is a whole one; what was found stands in the ledger."""
    ours = reconciler(scene, database, clock)
    first = await ours.turn()
    assert first is not None
    assert (first.mode, first.logs, first.kinds) == ("whole", 3, {})
    assert await ours.turn() is None
    clock.advance(HOUR + timedelta(minutes=1))
    second = await ours.turn()
    assert second is not None
    assert second.mode == "incremental"
    clock.advance(24 * HOUR)
    third = await ours.turn()
    assert third is not None
    assert third.mode == "whole"
    assert await runs(scene) == [("whole", "worker"), ("incremental", "worker"), ("whole", "worker")]


async def test_a_whole_run_is_had_at_its_hour_and_not_a_day_after_the_last(
    scene: Scene, database: Database, clock: ManualClock
) -> None:
    """People know when the database is busy: the hour is UTC's, whenever the worker was started."""
    first = await reconciler(scene, database, clock).turn()
    _, ended_at = await Reconciliations(database).last_ended()
    assert ended_at is not None
    # By when the run ended: the hour may have turned since the clock was set.
    its_hour = ended_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    auditing = Auditing(every=HOUR, whole_hour=its_hour.hour, settings=scene.settings)
    ours = Reconciler(database, auditing, clock, holder="worker")
    clock.advance(its_hour - timedelta(microseconds=1) - clock.now())
    assert await ours.turn() is None
    clock.advance(timedelta(microseconds=1))
    second = await ours.turn()
    assert first is not None
    assert second is not None
    assert [first.mode, second.mode] == ["whole", "whole"]


async def test_what_a_run_finds_is_counted_by_kind(scene: Scene, database: Database, clock: ManualClock) -> None:
    """For an alert that names it."""
    await PLANTS[Kind.MINTER_PAUSED](scene)
    counter = FINDINGS.labels("minter_paused")
    before = counter._value.get()
    found = await reconciler(scene, database, clock).turn()
    assert found is not None
    assert found.kinds == {"minter_paused": 1}
    assert counter._value.get() == before + 1


async def test_one_worker_at_a_time_has_it_done(scene: Scene, database: Database, clock: ManualClock) -> None:
    """Whoever holds the lease; the others look again later, and a lease that ended is taken over."""
    async with database.transaction() as tx:
        token = await lease.acquire(tx, schema=SCHEMA, name=LEASE, holder="another", ttl_s=LEASE_TTL_S)
    ours = reconciler(scene, database, clock)
    assert await ours.turn() is None
    assert token is not None
    async with database.transaction() as tx:
        await lease.release(tx, schema=SCHEMA, name=LEASE, token=token)
    assert await ours.turn() is not None


async def test_a_run_that_fails_is_tried_again_after_a_pause(
    scene: Scene, database: Database, clock: ManualClock
) -> None:
    """Nobody knows then whether something differs: nothing is written down."""
    nowhere = {**scene.settings, "CASHBACK_ADAPTER_ADDRESS": "127.0.0.1:1"}
    ours = Reconciler(database, Auditing(every=HOUR, whole_hour=2, settings=nowhere), clock, holder="worker")
    assert await ours.turn() is None
    assert await runs(scene) == []
    ours._auditing = msgspec.structs.replace(ours._auditing, settings=scene.settings)
    assert await ours.turn() is None
    clock.advance(timedelta(minutes=6))
    assert await ours.turn() is not None


async def test_a_worker_that_stops_takes_its_program_with_it(
    scene: Scene, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it runs on, and the lease is free again."""
    began: list[asyncio.subprocess.Process] = []
    real = asyncio.create_subprocess_exec

    async def endless(*_: str, **options: object) -> asyncio.subprocess.Process:
        """Start a program that never ends."""
        child = await real(sys.executable, "-c", "import signal; signal.pause()", stdout=asyncio.subprocess.PIPE)
        began.append(child)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", endless)

    async def look() -> bool | None:
        return True if began else None

    async with running(reconciler(scene, database, clock).run):
        await eventually(look, within_s=30, what="the program runs")
    assert began[0].returncode is not None
    async with database.transaction() as tx:
        assert await lease.acquire(tx, schema=SCHEMA, name=LEASE, holder="another", ttl_s=LEASE_TTL_S) is not None


async def test_the_worker_with_the_auditors_settings_reconciles_by_itself(
    scene: Scene, nats: EmbeddedNats, tmp_path: Path
) -> None:
    """The real process, as it is started in production; what it found stands at its probe."""
    port = free_port()
    dsns = Ways(scene.dsns["cashback"], scene.story.plan, scene.story.server)
    settings = {
        **scene.settings,
        "CASHBACK_LEDGER_DSN": dsns.of("cashback_ledger"),
        "CASHBACK_NATS_URL": nats.url(),
        "CASHBACK_PROBE_PORT": str(port),
    }
    worker = CashbackProcess("worker", "ledger", log=tmp_path / "worker.log", port=port, settings=settings)

    async def look() -> bool | None:
        async with httpx.AsyncClient() as http:
            told = (await http.get(f"http://{HOST}:{port}/metrics")).text
        is_told = "\ncashback_ledger_reconciled_timestamp_seconds 1" in told  # seconds since 1970 began with it by then
        return (is_told and 'cashback_ledger_reconcile_runs_total{end="alike",mode="whole"} 1.0' in told) or None

    try:
        await asyncio.to_thread(worker.start)
        await eventually(look, within_s=60, what="a run came to its end")
    finally:
        await asyncio.to_thread(worker.stop)
    assert await runs(scene) == [("whole", "worker")]


async def test_business_time_that_was_moved_ahead_makes_no_run_due(
    scene: Scene, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are dated by the machine's clock and are due by it: otherwise one would follow the other without end."""
    start_file(tmp_path / "clock")
    advance(tmp_path / "clock", timedelta(days=3))
    monkeypatch.setenv("CASHBACK_CLOCK_PATH", str(tmp_path / "clock"))
    monkeypatch.setenv("CASHBACK_DEVELOPMENT", "true")
    more = {"CASHBACK_LEDGER_DSN": "postgresql://a@b/c", "CASHBACK_NATS_URL": "nats://a:1", "CASHBACK_PROBE_PORT": "1"}
    loop = ledger_worker.reconciler(load(ledger_worker.Settings, scene.settings | more), database)
    assert loop is not None
    assert await loop.turn() is not None
    assert await loop.turn() is None


@pytest.mark.parametrize("program", ["print('no report')", "import sys; sys.exit(1)", None])
async def test_a_program_that_goes_wrong_does_not_end_the_worker(
    scene: Scene, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    """It prints nonsense, breaks, or cannot even be started: there is one failed run more, and that is all."""
    real = asyncio.create_subprocess_exec

    async def another(*_: str, **options: Any) -> asyncio.subprocess.Process:  # noqa: ANN401 - handed on
        """Start a program that goes wrong."""
        if program is None:
            raise OSError("no memory")
        return await real(sys.executable, "-c", program, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", another)
    failed = RUNS.labels("whole", "failed")
    before = failed._value.get()
    assert await reconciler(scene, database, clock).turn() is None
    assert failed._value.get() == before + 1


async def test_the_worker_reads_when_runs_ended_and_nothing_else_of_them(scene: Scene, database: Database) -> None:
    """It may neither write a run down nor read what one found."""
    await scene.reconciled()
    last, last_whole = await Reconciliations(database).last_ended()
    assert last == last_whole is not None
    with pytest.raises(Exception, match="permission denied"):
        await Reconciliations(database).last()


def test_the_auditors_settings_are_given_together_and_handed_on() -> None:
    """All three or none: with one of them missing no run could be had."""
    settings = {
        "CASHBACK_LEDGER_DSN": "postgresql://a@b/c",
        "CASHBACK_NATS_URL": "nats://a:1",
        "CASHBACK_ADAPTER_ADDRESS": "a:1",
        "CASHBACK_PROBE_PORT": "1",
    }
    assert load(ledger_worker.Settings, settings).auditing is None
    audits = dict.fromkeys(AUDITORS, "postgresql://a@b/d")
    with pytest.raises(SettingsInvalid, match="CASHBACK_MINTING_AUDIT_DSN and CASHBACK_CHAIN_AUDIT_DSN is required"):
        load(ledger_worker.Settings, {**settings, AUDITORS[0]: audits[AUDITORS[0]]})
    auditing = load(ledger_worker.Settings, {**settings, **audits}).auditing
    assert auditing is not None
    assert (auditing.every, auditing.whole_hour) == (HOUR, 2)
    handed_on = load(reconcile.Settings, auditing.settings)
    assert (handed_on.chain_audit_dsn, handed_on.finality_stale_s) == (Secret("postgresql://a@b/d"), 3_600)
