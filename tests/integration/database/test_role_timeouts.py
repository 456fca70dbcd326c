"""What bounds a role that comes with a client that is not ours, as psql is."""

from collections.abc import Mapping, Sequence
from typing import Final

import psycopg
import pytest

from cashback.kernel.db import Database, long_statements
from cashback.processes import migrate
from cashback.processes.embedded import EmbeddedPostgres
from tests.integration.database import rights
from tests.integration.database.attempts import Attempt

Tries = Mapping[str, Sequence[Attempt]]

OF_ALL: Final = {"statement_timeout": "30s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "4s"}
OF_PROCESSES: Final = {**OF_ALL, "transaction_timeout": "5min"}
OF_LONG_READERS: Final = {**OF_ALL, "transaction_timeout": "0"}
ROLES: Final = [(service.database, role) for service in migrate.SERVICES for role in service.roles]


def shown(connection: psycopg.Connection) -> dict[str, str]:
    """Return the timeouts of a session."""
    query = "select name, current_setting(name) from unnest(%s::text[]) as name"
    return dict(connection.execute(query, (list(OF_PROCESSES),)).fetchall())


@pytest.mark.parametrize("database, role", ROLES)
def test_a_client_that_asks_for_nothing_is_bounded(
    provided: EmbeddedPostgres, tries: Tries, database: str, role: str
) -> None:
    """By the numbers that our own client asks for; who reads for long has no bound on the whole."""
    assert database in tries
    with psycopg.connect(provided.dsn(database, user=role, password=rights.PASSWORD)) as connection:
        expected = OF_LONG_READERS if role.endswith(("_auditor", "_operator")) else OF_PROCESSES
        assert shown(connection) == expected


def test_an_owner_is_not_bounded(provided: EmbeddedPostgres, tries: Tries) -> None:
    """A revision may take what it takes; nobody else has the owner's password."""
    for service in migrate.SERVICES:
        assert service.database in tries
        dsn = provided.dsn(service.database, user=service.owner, password=rights.PASSWORD)
        with psycopg.connect(dsn) as connection:
            assert set(shown(connection).values()) == {"0"}


async def test_a_question_about_all_of_a_large_table_still_has_its_time(
    provided: EmbeddedPostgres, tries: Tries
) -> None:
    """What a statement is given by `long_statements` wins over what its role begins with."""
    assert "cashback" in tries
    dsn = provided.dsn("cashback", user="cashback_auditor", password=rights.PASSWORD)
    async with (
        Database.open(dsn, name="of-a-test") as auditor,
        auditor.transaction() as tx,
        long_statements(tx, within_s=600),
    ):
        cursor = await tx.execute("show statement_timeout")
        assert await cursor.fetchone() == ("10min",)
