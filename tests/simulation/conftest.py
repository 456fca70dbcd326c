"""One database with logical time for a module's seeds, emptied before each; and no logs: a seed has thousands."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo

from cashback.kernel.migrations import upgrade
from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.chain.conftest import PASSWORD, give_roles
from tests.simulation import clock
from tests.simulation.subjects import Subject, real, simulated
from tests.support.servers import Databases


def prepare(dsn: str) -> None:
    """Make the roles, logical time, and then the schema, whose defaults are found in it."""
    give_roles(dsn)
    clock.install(dsn)
    upgrade(dsn, "chain")


@pytest.fixture(scope="module")
def simulation_dsn(databases: Databases) -> Iterator[str]:
    """Give the superuser's DSN of a chain database with logical time."""
    with databases.fresh(databases.template("simulation_template", prepare)) as dsn:
        give_roles(dsn)
        clock.use(dsn)
        yield dsn


@pytest.fixture(scope="module")
def adapters_dsn(simulation_dsn: str) -> str:
    """Give the adapter's DSN of that database: what its role may not do fails in every seed."""
    return make_conninfo(simulation_dsn, user="chain_adapter", password=PASSWORD)


@pytest.fixture(scope="module")
def witness(simulation_dsn: str) -> Iterator[psycopg.Connection]:
    """Give a connection that sees and may do everything."""
    with psycopg.connect(simulation_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def quiet_logs() -> None:
    """Log nothing: what a seed does is told by its trace."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture(params=["simulated", "anvil"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path, anvil_program: Path) -> AsyncIterator[Subject]:
    """Give each node in turn, with fresh contracts."""
    if request.param == "simulated":
        async with simulated() as made:
            yield made
        return
    with EmbeddedAnvil(tmp_path / "anvil", program=anvil_program, block_time_s=None) as anvil:
        async with real(anvil) as made:
            yield made
