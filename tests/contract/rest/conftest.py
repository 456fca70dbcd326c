"""A REST API for each module, over a database of its own; each test makes its own people in it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.contract.rest.belongings import Belongings, opened
from tests.contract.rest.served import Served, serving
from tests.contract.rest.stage import Stage
from tests.contract.rest.world import Caller, Rest, open_rest
from tests.integration.ledger.world import Dsns, World, fresh_database, open_world
from tests.support.servers import Databases


@pytest.fixture(scope="module")
def dsns(databases: Databases) -> Iterator[Dsns]:
    """Give the ways into a fresh, migrated database."""
    with fresh_database(databases) as ways:
        yield ways


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(dsns: Dsns) -> AsyncIterator[World]:
    """Give the services over that database."""
    async with open_world(dsns) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(world: World) -> AsyncIterator[Rest]:
    """Give the API over those services, with a programme in force and no adapter behind it."""
    await world.programme()
    async with open_rest(world) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operator(rest: Rest) -> Caller:
    """Give an operator."""
    return await rest.operator()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops(rest: Rest, operator: Caller) -> tuple[Belongings, Belongings]:
    """Give two shops, each of which has two of everything."""
    return await opened(rest, operator), await opened(rest, operator)


@pytest.fixture(scope="module")
def served(dsns: Dsns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a running API over the module's database."""
    with serving(dsns, tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def apart(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a running API over a database of its own: by its clock all that waits in the module's is due."""
    with fresh_database(databases) as ways, serving(ways, tmp_path_factory.mktemp("apart")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stage(
    rest: Rest, operator: Caller, shops: tuple[Belongings, Belongings], apart: Served, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    """Give all of them, for tests of the whole surface."""
    return Stage(rest, operator, *shops, apart, monkeypatch)
