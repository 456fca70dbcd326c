"""Least privilege: what rights.json allows a role it may do, and everything else it may not, by trying each."""

from collections.abc import Mapping, Sequence

import psycopg
import pytest
from psycopg import sql

from cashback.processes import migrate
from cashback.processes.embedded import EmbeddedPostgres
from tests.integration.database import rights
from tests.integration.database.attempts import Attempt

Tries = Mapping[str, Sequence[Attempt]]

STATEMENTS_MIN = 15_000
"""There are more; without this, nothing tried would be nothing wrong."""


def test_a_role_may_do_what_is_written_and_nothing_else(provided: EmbeddedPostgres, tries: Tries) -> None:
    """Whoever grants or takes away a right writes it down: `nox -s rights`, and its difference is read."""
    number = sum(len(tries[service.database]) * len(service.roles) for service in migrate.SERVICES)
    assert number > STATEMENTS_MIN
    assert rights.differences(rights.tried(provided, tries), rights.committed()) == []


def test_rights_are_written_as_they_are_read() -> None:
    """So that writing them anew differs where rights do."""
    assert rights.written(rights.committed()) == rights.FILE.read_bytes()


@pytest.mark.parametrize(
    "granted, seen",
    [
        ("update (amount) on ledger.transfers to cashback_api", "+ cashback_api: update ledger.transfers: amount"),
        ("truncate on ledger.inbox to public", "+ cashback_relay: truncate ledger.inbox: yes"),
        ("references on ledger.programmes to cashback_relay", "+ cashback_relay: references ledger.programmes: yes"),
        ("trigger on ledger.programmes to cashback_relay", "+ cashback_relay: trigger ledger.programmes: yes"),
        ("maintain on ledger.programmes to cashback_relay", "+ cashback_relay: maintain ledger.programmes: yes"),
        ("delete on ledger.outbox_events to cashback_relay", "+ cashback_relay: delete ledger.outbox_events: yes"),
        ("usage on sequence ledger.mint_numbers to cashback_api", "+ cashback_api: usage ledger.mint_numbers: yes"),
        ("update on sequence ledger.mint_numbers to cashback_api", "+ cashback_api: update ledger.mint_numbers: yes"),
        ("execute on function ledger.end_programme to public", "+ cashback_api: execute ledger.end_programme(): yes"),
        ("create on schema purchases to cashback_api", "+ cashback_api: create schema purchases: yes"),
        ("create on database cashback to cashback_api", "+ cashback_api: create database: yes"),
        ("cashback_owner to cashback_operator", "+ cashback_operator: become cashback_owner server: yes"),
        ("pg_execute_server_program to cashback_api", "+ cashback_api: programs server: yes"),
        ("pg_read_all_data to cashback_api", "+ cashback_api: select ledger.inbox: all 3"),
        ("set on parameter session_replication_role to cashback_api", "+ cashback_api: silence triggers server: yes"),
    ],
)
def test_a_right_too_many_is_seen(provided: EmbeddedPostgres, tries: Tries, granted: str, seen: str) -> None:
    """Each kind of it."""
    role = seen.removeprefix("+ ").partition(":")[0]
    with psycopg.connect(provided.dsn("cashback"), autocommit=True) as superuser:
        superuser.execute(f"grant {granted}".encode())
        try:
            found = rights.tried(provided, tries, roles=(role,))
        finally:
            superuser.execute(f"revoke {granted.replace(' to ', ' from ')}".encode())
    assert seen in rights.differences(found, rights.committed())


def test_a_right_too_few_is_seen(provided: EmbeddedPostgres, tries: Tries) -> None:
    """What a process needs and has lost is told here, by name."""
    with psycopg.connect(provided.dsn("chain"), autocommit=True) as superuser:
        superuser.execute("revoke select on chain.mints from chain_auditor")
        try:
            found = rights.tried(provided, tries, roles=("chain_auditor",))
        finally:
            superuser.execute("grant select on chain.mints to chain_auditor")
    columns = rights.committed()["chain_auditor"]["chain.mints"]["select"]
    told = {role: had for role, had in rights.committed().items() if role == "chain_auditor"}
    assert rights.differences(found, told) == [f"- chain_auditor: select chain.mints: {columns}"]


def test_a_role_reaches_the_database_of_its_own_service_alone(provided: EmbeddedPostgres, tries: Tries) -> None:
    """Owners as well; a role of one service cannot even connect to the database of another."""
    for service in migrate.SERVICES:
        for role in (service.owner, *service.roles):
            for database in tries:
                dsn = provided.dsn(database, user=role, password=rights.PASSWORD)
                if database == service.database:
                    psycopg.connect(dsn).close()
                    continue
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    psycopg.connect(dsn)


def test_nobody_may_pass_a_right_on_and_nothing_is_for_everybody(provided: EmbeddedPostgres, tries: Tries) -> None:
    """What is granted to PUBLIC, and with the right to grant it, no role would show by trying."""
    query = sql.SQL(
        """
        select class.oid::regclass::text, grantee::regrole::text, privilege_type, is_grantable
        from pg_class as class
        join pg_namespace as space on space.oid = relnamespace
        cross join lateral aclexplode(relacl)
        where nspname = any (%(schemas)s) and grantee <> relowner and (grantee = 0 or is_grantable)
        """
    )
    for service in migrate.SERVICES:
        with psycopg.connect(provided.dsn(service.database)) as connection:
            assert connection.execute(query, {"schemas": list(service.schemas)}).fetchall() == []
