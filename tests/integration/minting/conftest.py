"""Minting's own database for each test, and an adapter that the test rules."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.minting.world import World, a_world, prepare
from tests.support.servers import Databases


@pytest.fixture
async def world(databases: Databases) -> AsyncIterator[World]:
    """Give a database with minting's schema and roles, empty, and a fake adapter that listens."""
    with databases.fresh(databases.template("minting_template", prepare)) as dsn:
        async with a_world(dsn) as world:
            yield world
