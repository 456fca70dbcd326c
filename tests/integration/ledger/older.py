"""Databases as they were before a revision: what later ones make of the rows in them is what upgrades are tested by."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command

from cashback.kernel import migrations
from tests.integration.ledger.world import ROLES
from tests.support.servers import Databases


def before(revision: str, *, schema: str = "ledger") -> str:
    """Return the revision that the one with this name comes after."""
    [file] = (migrations.ROOT / schema).glob(f"*_{revision}.py")
    found = re.search(r'^down_revision = "(\d+)"$', file.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@contextmanager
def older(
    databases: Databases, revision: str, *, schema: str = "ledger"
) -> Iterator[tuple[str, psycopg.Connection[tuple[object, ...]]]]:
    """Give DSN and superuser's connection of a database whose schema is as it was before the revision of this name."""
    head = command.upgrade
    with databases.fresh() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        for role in ROLES:
            if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
                connection.execute(f"create role {role}".encode())
        with pytest.MonkeyPatch.context() as earlier:
            earlier.setattr(command, "upgrade", lambda config, _: head(config, before(revision, schema=schema)))
            migrations.upgrade(dsn, schema)
        yield dsn, connection
