"""A fresh REST API for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.rest.world import Rest, open_rest
from tests.integration.ledger.world import Dsns, World, fresh_database, open_world
from tests.support.servers import Databases


@pytest.fixture
def dsns(databases: Databases) -> Iterator[Dsns]:
    """Give the ways into a fresh, migrated database."""
    with fresh_database(databases) as ways:
        yield ways


@pytest.fixture
async def world(dsns: Dsns) -> AsyncIterator[World]:
    """Give the services over that database."""
    async with open_world(dsns) as service:
        yield service


@pytest.fixture
async def rest(world: World) -> AsyncIterator[Rest]:
    """Give the API over those services, with no adapter behind it."""
    async with open_rest(world) as api:
        yield api
