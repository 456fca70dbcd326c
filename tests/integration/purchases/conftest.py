"""A fresh cashback service for each test, and one with much in it for those that only read."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.ledger.world import Dsns, World, fresh_database, open_world
from tests.integration.purchases.much import fill
from tests.support.servers import Databases


@pytest.fixture
def dsns(databases: Databases) -> Iterator[Dsns]:
    """Give the ways into a fresh, migrated database."""
    with fresh_database(databases) as ways:
        yield ways


@pytest.fixture
async def world(dsns: Dsns) -> AsyncIterator[World]:
    """Give a service over that database."""
    async with open_world(dsns) as service:
        yield service


@pytest.fixture(scope="package")
def filled(databases: Databases) -> Iterator[Dsns]:
    """Give the ways into a database in which much was bought and returned, for all who only read it."""
    with fresh_database(databases) as ways:
        fill(ways.superuser)
        yield ways
