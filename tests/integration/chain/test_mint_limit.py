"""`cashback worker ledger` beside the real adapter and its contracts: it does not start with too large a programme."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cashback.processes import adapter
from cashback.processes.embedded import CashbackProcess, ChildFailed, EmbeddedNats, free_port
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, serving
from tests.integration.chain.waiting import eventually
from tests.integration.ledger.world import Dsns, World, fresh_database, open_world
from tests.support.servers import Databases

TOKEN = 1_000_000


@pytest.fixture
async def ledger(databases: Databases) -> AsyncIterator[World]:
    """Give a ledger with a programme of which one purchase can earn ten tokens."""
    with fresh_database(databases) as dsns:
        async with open_world(dsns) as world:
            await world.programme(rate=500, budget=1_000)
            yield world


@pytest.fixture
async def bench(settings: adapter.Settings) -> AsyncIterator[Bench]:
    """Give an adapter that runs."""
    async with serving(settings) as running:
        yield running


def worker(dsns: Dsns, nats: EmbeddedNats, address: str, folder: Path) -> CashbackProcess:
    """Return the ledger's worker, not started."""
    port = free_port()
    settings = {
        "CASHBACK_LEDGER_DSN": dsns.of("cashback_ledger"),
        "CASHBACK_NATS_URL": nats.url(),
        "CASHBACK_ADAPTER_ADDRESS": address,
        "CASHBACK_PROBE_PORT": str(port),
    }
    return CashbackProcess("worker", "ledger", log=folder / "worker.log", port=port, settings=settings)


async def capacity(bench: Bench, units: int) -> None:
    """Have the minter's admin set what is minted at once."""
    await bench.people.limit(capacity=units, window_s=86_400)
    await bench.lever.mine()


async def test_the_worker_refuses_a_programme_that_is_too_large_with_the_remedy(
    bench: Bench, ledger: World, nats: EmbeddedNats, tmp_path: Path
) -> None:
    """It ends with the code of a refusal; after setLimit, as it was told, it starts."""
    await capacity(bench, 10 * TOKEN - 1)
    async with listening_at(bench) as address:
        process = worker(ledger.dsns, nats, address, tmp_path)
        try:
            with pytest.raises(
                ChildFailed, match=r"cashback: grant_above_limit: .*setLimit with a capacity of at least"
            ):
                await asyncio.to_thread(process.start)
            assert process.exit_code == 4
            await capacity(bench, 10 * TOKEN)
            await asyncio.to_thread(process.start)
        finally:
            await asyncio.to_thread(process.stop)


async def test_a_worker_that_starts_before_the_adapter_finds_out_later_and_works_on(
    bench: Bench, ledger: World, nats: EmbeddedNats, tmp_path: Path
) -> None:
    """Not ready, with the remedy, and alive."""
    await capacity(bench, TOKEN)
    async with listening_at(bench) as address:
        pass
    process = worker(ledger.dsns, nats, address, tmp_path)
    await asyncio.to_thread(process.start)
    try:
        port = int(address.rpartition(":")[2])
        async with listening_at(bench, port=port), httpx.AsyncClient(base_url=process.url) as http:

            async def look() -> dict[str, str] | None:
                problems: dict[str, str] = (await http.get("/readyz")).json()["problems"]
                return problems or None

            assert "setLimit" in (await eventually(look))["mint_limit"]
            assert (await http.get("/livez")).is_success
    finally:
        await asyncio.to_thread(process.stop)
    assert process.exit_code == 0
