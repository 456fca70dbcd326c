"""A chain of its own for each test, with fresh contracts, and an empty database of the adapter's schema."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cashback.kernel.migrations import upgrade
from cashback.processes import adapter
from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.chain.support import deployed, settings_of
from tests.support.servers import Databases

PASSWORD = "of a role that lives as long as a test run"


def _prepare(dsn: str) -> None:
    """Make the roles, and the schema."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for role in ("chain_adapter", "chain_auditor"):
            known = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
            verb = sql.SQL("alter" if known else "create")
            connection.execute(
                sql.SQL("{} role {} with login password {}").format(verb, sql.Identifier(role), sql.Literal(PASSWORD))
            )
    upgrade(dsn, "chain")


@pytest.fixture
def chain_dsn(databases: Databases) -> Iterator[str]:
    """Give the superuser's DSN of an empty chain database."""
    with databases.fresh(databases.template("chain_template", _prepare)) as dsn:
        yield dsn


@pytest.fixture
def adapter_dsn(chain_dsn: str) -> str:
    """Give the adapter's DSN of that database: what its role may not do fails in every test."""
    return make_conninfo(chain_dsn, user="chain_adapter", password=PASSWORD)


@pytest.fixture
def node(tmp_path: Path, anvil_program: Path) -> Iterator[EmbeddedAnvil]:
    """Give a chain that mines each transaction at once, for one test."""
    with EmbeddedAnvil(tmp_path / "anvil", program=anvil_program, block_time_s=None) as chain:
        yield chain


@pytest.fixture
def settings(adapter_dsn: str, node: EmbeddedAnvil) -> adapter.Settings:
    """Give the settings of an adapter on that chain, with fresh contracts."""
    return settings_of(adapter_dsn, node.url, asyncio.run(deployed(node.url)))
