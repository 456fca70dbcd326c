"""A database of its own for each test, and a shop on this machine."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.processes.embedded import EmbeddedNats
from tests.integration.ledger.world import fresh_database
from tests.integration.webhooks.world import World, open_shop
from tests.support.servers import Databases


@pytest.fixture
async def world(databases: Databases) -> AsyncIterator[World]:
    """Give the service's database and a shop."""
    with fresh_database(databases) as dsns:
        async with (
            Database.open(dsns.of("cashback_api"), name="api") as api,
            Database.open(dsns.of("cashback_webhooks"), name="webhooks") as worker,
            open_shop() as shop,
        ):
            with closing(World(dsns, api=api, worker=worker, shop=shop)) as world:
                yield world


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """Give a NATS server that this test alone uses."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        yield server


@pytest.fixture
async def bus(broker: EmbeddedNats) -> AsyncIterator[Bus]:
    """Give the bus, connected, with its streams."""
    async with Bus.connect(broker.url(), name="test") as bus:
        await bus.wait_connected()
        await bus.apply_streams()
        yield bus
