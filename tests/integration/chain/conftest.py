"""A chain of its own for each test, with fresh contracts, and an empty database of the adapter's schema."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cashback.kernel.migrations import upgrade
from cashback.processes import adapter, contracts
from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.chain.nudging import nudged
from tests.integration.chain.support import deployed, settings_of
from tests.support.kms import ENVIRONMENT, KmsStandIn
from tests.support.servers import Databases

PASSWORD = "of a role that lives as long as a test run"


def prepare(dsn: str) -> None:
    """Make the roles, and the schema."""
    give_roles(dsn)
    upgrade(dsn, "chain")


def give_roles(dsn: str) -> None:
    """Have the server know the chain's roles by the password of these tests; safe to repeat."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for role in ("chain_adapter", "chain_auditor"):
            known = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
            verb = sql.SQL("alter" if known else "create")
            connection.execute(
                sql.SQL("{} role {} with login password {}").format(verb, sql.Identifier(role), sql.Literal(PASSWORD))
            )


@pytest.fixture
def chain_dsn(databases: Databases) -> Iterator[str]:
    """Give the superuser's DSN of an empty chain database."""
    with databases.fresh(databases.template("chain_template", prepare)) as dsn:
        give_roles(dsn)  # another test on the same server may have given them other passwords
        yield dsn


@pytest.fixture(scope="module")
def shared_dsn(databases: Databases) -> Iterator[str]:
    """Give the superuser's DSN of a chain database that one module's tests leave as empty as it was."""
    with databases.fresh(databases.template("chain_template", prepare)) as dsn:
        give_roles(dsn)
        yield dsn


@pytest.fixture
def adapter_dsn(chain_dsn: str) -> str:
    """Give the adapter's DSN of that database: what its role may not do fails in every test."""
    return make_conninfo(chain_dsn, user="chain_adapter", password=PASSWORD)


@pytest.fixture(scope="session")
def ready_state(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> tuple[Path, contracts.Deployed]:
    """Give a chain's saved state with fresh contracts on it, and where they stand: deployed once, copied often."""
    folder = tmp_path_factory.mktemp("ready")
    with EmbeddedAnvil(folder, program=anvil_program, block_time_s=None) as chain:
        where = asyncio.run(deployed(chain.url))
    return folder / "state.json", where


@pytest.fixture
def empty_node(tmp_path: Path, anvil_program: Path) -> Iterator[EmbeddedAnvil]:
    """Give a chain without contracts that mines each transaction at once, for one test."""
    with EmbeddedAnvil(tmp_path / "anvil", program=anvil_program, block_time_s=None) as chain:
        yield chain


@pytest.fixture
def node(tmp_path: Path, anvil_program: Path, ready_state: tuple[Path, contracts.Deployed]) -> Iterator[EmbeddedAnvil]:
    """Give a chain with fresh contracts that mines each transaction at once, for one test."""
    folder = tmp_path / "anvil"
    folder.mkdir()
    shutil.copy(ready_state[0], folder / "state.json")
    with EmbeddedAnvil(folder, program=anvil_program, block_time_s=None) as chain, nudged(chain.url):
        yield chain


@pytest.fixture
def settings(adapter_dsn: str, node: EmbeddedAnvil, ready_state: tuple[Path, contracts.Deployed]) -> adapter.Settings:
    """Give the settings of an adapter on that chain."""
    return settings_of(adapter_dsn, node.url, ready_state[1])


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KmsStandIn]:
    """Give the service, and this process the credentials for it."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with KmsStandIn.serving() as running:
        yield running
