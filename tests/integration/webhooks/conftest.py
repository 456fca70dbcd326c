"""A database of its own for each test, and a shop on this machine."""

from collections.abc import AsyncIterator

import pytest

from cashback.kernel.db import Database
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
            yield World(dsns, api=api, worker=worker, shop=shop)
