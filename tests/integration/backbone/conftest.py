"""A broker of its own for each test, so that it may be killed and wiped, and a database with one schema."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.world import prepare
from tests.support.servers import Databases


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


@pytest.fixture
async def shop(databases: Databases) -> AsyncIterator[Database]:
    """Give a database with the schema `shop`, empty."""
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        async with Database.open(dsn, name="backbone") as database:
            yield database
