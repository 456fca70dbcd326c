"""`cashback worker mint`, `worker ledger` and `relay` as an operator runs them: requests in, outcomes out, SIGTERM."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql

from cashback.kernel.bus import Bus, Delivery, event_message, publish
from cashback.kernel.migrations import upgrade
from cashback.kernel.outbox import partition_of
from cashback.minting import MintState, Readings
from cashback.processes.embedded import HOST, CashbackProcess, EmbeddedNats, free_port
from cashback.wire.cashback.chain import v1
from tests.integration.minting.world import World, cashback, dsn_of, eventually, request
from tests.support.adapter import FakeAdapter
from tests.support.servers import Databases

ENDED_BY_ITSELF = 0
"""A process that is not through 4.25 s after SIGTERM cuts itself off, and says so by its exit code."""


class Line(msgspec.Struct):
    """The two processes of minting's side, and the broker between."""

    bus: Bus
    worker: CashbackProcess
    relay: CashbackProcess

    async def publish(self, *deliveries: Delivery) -> None:
        """Publish requests as the ledger's relay does."""
        messages = [
            event_message(
                id=each.id,
                type=each.type,
                source="/cashback/ledger",
                key=each.key,
                time=each.time,
                traceparent=each.traceparent,
                partition=partition_of(each.key),
                data=each.data,
            )
            for each in deliveries
        ]
        await publish(self.bus, messages)

    async def told(self, type_: str) -> int:
        """Return how many events of a type the broker holds."""
        filtered = {"subjects_filter": f"cashback.v1.{type_}.*"}
        info = await self.bus.api("STREAM.INFO.CASHBACK", filtered)
        return sum((info["state"].get("subjects") or {}).values())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """Give a NATS server that this test alone uses."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        yield server


def a_process(*arguments: str, folder: Path, broker: EmbeddedNats, **settings: str) -> CashbackProcess:
    """Return one of our processes on that broker, not started."""
    port = free_port()
    environ = {"CASHBACK_NATS_URL": broker.url(), "CASHBACK_PROBE_PORT": str(port)}
    log = folder / "-".join(arguments) / "log"
    return CashbackProcess(*arguments, log=log, port=port, settings={**environ, **settings})


@pytest.fixture
async def line(world: World, broker: EmbeddedNats, tmp_path: Path) -> AsyncIterator[Line]:
    """Give the mint worker and minting's relay, running against the fake adapter."""
    worker = a_process(
        "worker",
        "mint",
        folder=tmp_path,
        broker=broker,
        CASHBACK_MINTING_DSN=dsn_of("minting_worker", world.dsn),
        CASHBACK_ADAPTER_ADDRESS=f"{HOST}:{world.fake.port}",
    )
    relay = a_process(
        "relay",
        folder=tmp_path,
        broker=broker,
        CASHBACK_RELAY_SERVICE="minting",
        CASHBACK_RELAY_DSN=dsn_of("minting_relay", world.dsn),
    )
    async with Bus.connect(broker.url(), name="test") as bus, _started(relay, worker):
        await bus.wait_connected()
        await bus.apply_streams()
        yield Line(bus, worker, relay)


@asynccontextmanager
async def _started(*processes: CashbackProcess) -> AsyncIterator[None]:
    """Start processes beside the event loop, in which the fake adapter answers them, and stop them afterwards."""
    try:
        await asyncio.gather(*(asyncio.to_thread(process.start) for process in processes))
        yield
    finally:
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))


async def all_minted(world: World, count: int) -> bool:
    """Make what was accepted final, and tell whether so many mints are minted."""
    world.fake.mint()
    return (await Readings(world.auditor).counts()).get(MintState.MINTED) == count


async def test_a_request_on_the_broker_comes_back_as_an_outcome_and_sigterm_loses_none(
    world: World, line: Line
) -> None:
    """Through both processes, each with its own role; told to end in mid work they do within five seconds."""
    await line.publish(*(request(number) for number in range(1, 51)))
    await eventually(lambda: all_minted(world, 50))
    await eventually(lambda: _is_told(line, 50))
    await line.publish(*(request(number) for number in range(51, 351)))
    await eventually(lambda: _knows_more_than(world, 50))
    for process in (line.worker, line.relay):
        await asyncio.to_thread(process.stop)
        assert process.exit_code == ENDED_BY_ITSELF
    async with _started(line.worker, line.relay):
        await eventually(lambda: all_minted(world, 350), within_s=30)
        await eventually(lambda: _is_told(line, 350))
    assert await line.told("token.mint.failed") == 0


async def _is_told(line: Line, count: int) -> bool:
    """Tell whether the broker holds so many `token.minted`."""
    return await line.told("token.minted") == count


@pytest.mark.invariant("I4", "I5")
async def test_a_worker_killed_at_any_moment_loses_and_doubles_nothing(world: World, line: Line) -> None:
    """I4, I5: what was under way is done by the next one, and each outcome is published once."""
    for wave in range(3):
        await line.publish(*(request(number) for number in range(wave * 200 + 1, wave * 200 + 201)))
        await eventually(lambda: _knows_more_than(world, wave * 200))  # noqa: B023  # awaited here
        await asyncio.to_thread(line.worker.kill)
        world.fake.mint()
        # A claim of the dead worker would run out by itself, only later.
        world.execute("update minting.mints set submit_after = now() where submit_after is not null")
        world.execute("update minting.leases set expires_at = now()")
        await asyncio.to_thread(line.worker.start)
    await eventually(lambda: all_minted(world, 600), within_s=60)
    assert sorted(int(event["mint_number"]) for event in await world.events()) == list(range(1, 601))
    assert await world.halts() == []


async def _knows_more_than(world: World, count: int) -> bool:
    """Tell whether the adapter has taken something of the newest wave."""
    return len(world.fake.known) > count


async def test_a_worker_whose_minting_is_halted_is_not_ready(world: World, line: Line) -> None:
    """An operator sees it where the orchestrator looks."""
    await line.publish(request(1))
    await eventually(lambda: _knows_more_than(world, 0))
    await line.publish(request(1, cashback_id=cashback(9)))
    await eventually(lambda: _is_halted(world))
    reader, writer = await asyncio.open_connection(HOST, line.worker.port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b" 503 " in head.splitlines()[0]
    assert "foreign_fingerprint" in json.loads(body)["problems"]["minting"]


async def _is_halted(world: World) -> bool:
    """Tell whether a halt is open."""
    return bool(await world.halts())


class Told:
    """An adapter in a thread of its own that minting tells its highest number over and over; the test may raise it."""

    def __init__(self) -> None:
        """Tell of nothing yet."""
        self.number = 0
        self.port: Future[int] = Future()
        self.ended = threading.Event()

    async def serve(self) -> None:
        """Serve until the test has ended."""
        async with FakeAdapter.serving() as fake:
            self.port.set_result(fake.port)
            while not await asyncio.to_thread(self.ended.wait, 0.1):
                await fake.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.MINTING, number=self.number))


@pytest.fixture
def told() -> Iterator[Told]:
    """Give such an adapter."""
    adapter = Told()
    thread = threading.Thread(target=lambda: asyncio.run(adapter.serve()))
    thread.start()
    yield adapter
    adapter.ended.set()
    thread.join()


def test_the_ledger_worker_becomes_ready_and_ends(
    databases: Databases, broker: EmbeddedNats, tmp_path: Path, told: Told
) -> None:
    """Its work is specified with the ledger; here only its wiring is: it is ready as long as its numbers are."""
    with databases.fresh(databases.template("ledger_worker_template", _prepare_ledger)) as dsn:
        process = a_process(
            "worker",
            "ledger",
            folder=tmp_path,
            broker=broker,
            CASHBACK_LEDGER_DSN=dsn,
            CASHBACK_ADAPTER_ADDRESS=f"{HOST}:{told.port.result(10)}",
        )
        with process:
            told.number = 3
            with psycopg.connect(dsn) as connection:
                connection.execute("update ledger.number_fence set incarnation = 'that of another server'")
            asyncio.run(eventually(lambda: _says(process.port, "3 was minted or is to be")))
            process.stop()
            assert process.exit_code == ENDED_BY_ITSELF


async def _says(port: int, words: str) -> bool:
    """Tell whether a process is not ready, and why its numbers are not."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return b" 503 " in head.splitlines()[0] and words in json.loads(body)["problems"].get("numbers", "")


def _prepare_ledger(dsn: str) -> None:
    """Make the ledger's schema and the roles that it grants to; whoever has given them passwords keeps them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for of in ("api", "ledger", "relay", "auditor", "operator", "webhooks"):
            role = f"cashback_{of}"
            if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is None:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    upgrade(dsn, "ledger")
