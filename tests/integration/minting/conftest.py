"""Minting's own database, emptied for each test, and an adapter that the test rules."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.minting.world import World, a_world, empty, give_roles, prepare
from tests.support.servers import Databases


@pytest.fixture(scope="package")
def minting_dsn(databases: Databases) -> Iterator[str]:
    """Give the superuser's DSN of a database with minting's schema and roles."""
    with databases.fresh(databases.template("minting_template", prepare)) as dsn:
        give_roles(dsn)
        yield dsn


@pytest.fixture
async def world(minting_dsn: str) -> AsyncIterator[World]:
    """Give minting's database, empty, and a fake adapter that listens."""
    empty(minting_dsn)
    async with a_world(minting_dsn) as world:
        yield world
