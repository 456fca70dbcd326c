"""Who takes the first step of a backtest never shows, and nobody is left behind by one that ends early."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec
import psycopg
import pytest

from cashback.kernel.db import Database
from cashback.ledger.model.backtests import Backtest, BacktestInterrupted, Kept, Trial
from cashback.ledger.model.rulesets import Limits, Rules
from cashback.ledger.service import Backtests, backtesting
from cashback.ledger.service.backtesting import Earner
from cashback.processes.backtesting.pool import open_pool
from tests.integration.ledger.backtested import MOST, bought, ruled, run
from tests.integration.ledger.programme_rules import rule
from tests.integration.ledger.world import Dsns, World
from tests.support.facts import eventually


async def test_neither_workers_nor_chunks_show_in_the_story(world: World) -> None:
    """One worker or three, chunks of one or of five hundred, here or in processes: the same story."""
    programme, _ = await ruled(world)
    await bought(world)
    [name] = await world.one(
        "select array_agg(campaign.id) from ledger.campaigns as campaign where day_limit_minor = 900"
    )
    rules = Rules(rules=(rule("x", name, 1_700),), limits=Limits(user_day="300", merchant_day="450"))
    stories = [await run(Backtests(world.auditor, chunk=chunk), programme, rules) for chunk in (1, 7, 500)]
    for workers, chunk in ((1, 2), (3, 1), (3, 500)):
        earners = asynccontextmanager(partial(open_pool, workers=workers))
        stories.append(await run(Backtests(world.auditor, earners=earners, chunk=chunk), programme, rules))
    assert [msgspec.json.encode(story) for story in stories] == [msgspec.json.encode(stories[0])] * 6
    assert stories[0].difference_minor != "0"


@pytest.mark.deep
async def test_a_backtest_is_not_thrown_out_while_others_compute_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two transactions that say nothing, one of a process that writes and one of a backtest, the first is ended."""
    monkeypatch.setattr("cashback.kernel.db.IDLE_IN_TRANSACTION_TIMEOUT_MS", 200)
    programme, rules = await ruled(world)
    await bought(world)

    @asynccontextmanager
    async def slowly(trial: Trial) -> AsyncIterator[Sequence[Earner]]:
        """Start only once the other one was thrown out."""
        other = await psycopg.AsyncConnection.connect(world.dsns.of("cashback_ledger"))
        await other.execute("set local idle_in_transaction_session_timeout = 200")
        pid = other.info.backend_pid

        async def is_gone() -> bool | None:
            """Tell whether the other one's session has ended."""
            return None if await world.one("select count(*) from pg_stat_activity where pid = %s", pid) else True

        await eventually(is_gone, within_s=30, what="the other one is thrown out")
        await other.close()
        async with asynccontextmanager(open_pool)(trial, workers=1) as earners:
            yield earners

    async with Database.open(world.dsns.of("cashback_auditor"), name="hasty") as hasty:
        story = await run(Backtests(hasty, earners=slowly), programme, rules)
    assert msgspec.json.encode(story) == msgspec.json.encode(await run(Backtests(world.auditor), programme, rules))


async def test_few_purchases_are_held_at_a_time(world: World) -> None:
    """However many there are: two chunks for each earner, of which one is being counted."""
    programme, rules = await ruled(world)
    await bought(world, days=5)
    held, most = 0, 0

    @asynccontextmanager
    async def counting(trial: Trial) -> AsyncIterator[Sequence[Earner]]:
        """Yield two earners that count what is held."""

        async def earn(data: bytes) -> bytes:
            """Return the prospects of a chunk, which is held from now on."""
            nonlocal held, most
            held += len(msgspec.msgpack.decode(data, type=list[Kept]))
            most = max(most, held)
            await asyncio.sleep(0)
            return backtesting.earn_chunk(data, trial)

        yield [earn, earn]

    def reached(done: int, total: int) -> None:
        """Let go of a chunk that was counted."""
        nonlocal held
        assert total == 30
        held = max(0, held - 2) if done else held

    asked = Backtest(ruleset="file", programme_id=programme.id, document=rules)
    await Backtests(world.auditor, earners=counting, chunk=2).run(asked, most=MOST, reached=reached)
    assert 2 < most <= backtesting.AHEAD * 2 * 2


async def test_a_worker_that_dies_ends_the_backtest_and_leaves_nothing(world: World) -> None:
    """The caller is told that it may try again; no worker is left, and no transaction is open."""
    programme, rules = await ruled(world)
    await bought(world)
    workers: list[int] = []

    @asynccontextmanager
    async def dying(trial: Trial) -> AsyncIterator[Sequence[Earner]]:
        """Yield two workers, of which one is killed."""
        async with asynccontextmanager(partial(open_pool, workers=2))(trial) as earners:
            # The kernel tells of a process that was just started before it tells by what words.
            async with asyncio.timeout(60):
                while len(children := await asyncio.to_thread(_children, os.getpid())) < 2:
                    continue
            workers.extend(children)
            os.kill(children[0], signal.SIGKILL)
            yield earners

    with pytest.raises(BacktestInterrupted):
        await run(Backtests(world.auditor, earners=dying, chunk=1), programme, rules)
    assert len(workers) == 2
    assert _children() == []
    busy = "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null"
    assert await world.one(busy) == 1  # the one that asks


async def test_a_command_that_is_killed_leaves_neither_workers_nor_a_transaction(world: World, dsns: Dsns) -> None:
    """Killed while it waits for its first purchases, with both workers up: they end, and so does its session."""
    programme, _ = await ruled(world)
    await bought(world)
    version = await world.one("select id from ledger.rulesets where programme_id = %s limit 1", programme.id)
    env = {**os.environ, "CASHBACK_LEDGER_AUDIT_DSN": dsns.of("cashback_auditor")}
    words = ("-m", "cashback", "ruleset", "backtest", version, "--workers", "2")
    sessions = "select count(*) from pg_stat_activity where datname = current_database() and application_name = %s"
    waiting = sessions + " and wait_event_type = 'Lock'"
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute("lock table ledger.decisions in access exclusive mode")
        process = await asyncio.create_subprocess_exec(sys.executable, *words, env=env, stdout=DEVNULL, stderr=DEVNULL)
        try:
            await until(lambda: world.one(waiting, "cashback backtest"), 1)
            workers = _children(process.pid)
            assert len(workers) == 2
        finally:
            process.kill()
            await process.wait()
    # Nobody is left whose child they are: they are looked for by their own ids.
    await until(lambda: asyncio.to_thread(_count_alive, workers), 0)
    await until(lambda: world.one(sessions, "cashback backtest"), 0)


async def until(fact: Callable[[], Awaitable[int]], expected: int) -> None:
    """Return as soon as a fact is as expected; fail when it is not in time."""
    async with asyncio.timeout(60):
        while await fact() != expected:
            continue


def _count_alive(pids: list[int]) -> int:
    """Return how many of some workers still run; an id that somebody else got does not count."""
    alive = 0
    for pid in pids:
        with suppress(OSError):
            alive += b"cashback.processes.backtesting.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return alive


def _children(parent_pid: int | None = None) -> list[int]:
    """Return the workers that a process, this one where none is named, has started and not yet seen end."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if b"cashback.processes.backtesting.worker" in words and parent == (parent_pid or os.getpid()):
                found.append(int(folder.name))
    return found
