"""`cashback migrate`: creates databases and roles where they are missing and brings every schema to its head.

    admin DSN ──▶ roles ──▶ databases ──▶ owner DSN ──▶ one history per schema

Running it again changes nothing; two runs side by side take turns. Each service's database may live on its own server:
`--service` migrates one of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cashback.kernel.config import Dsn, Secret
from cashback.kernel.db import (
    IDLE_IN_TRANSACTION_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    DatabaseUnavailable,
)
from cashback.kernel.errors import Rejected
from cashback.kernel.refusals import why_in_full
from cashback.kernel.servers import each_within_s
from cashback.kernel.telemetry import logger

_PROVISION_LOCK: Final = 0x7072_6F76
TIMEOUTS_MS: Final = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "lock_timeout": LOCK_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
}
"""What bounds a role whichever client it comes with: ours says the same numbers itself, psql says none."""
TRANSACTION_TIMEOUT_MS: Final = 300_000
"""How long a transaction of a process may last in all; what it keeps locked or from being cleaned up, no longer."""
_READS_FOR_LONG: Final = ("_auditor", "_operator")
"""How roles are called whose work is one transaction over all of large tables."""
_TRANSACTION_TIMEOUT_SINCE: Final = 170_000
"""The first server that knows of it, as libpq counts versions."""

log = logger(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may create databases and roles, and the password that each role gets."""

    admin_dsn: Dsn
    cashback_owner_password: Secret
    cashback_api_password: Secret
    cashback_ledger_password: Secret
    cashback_relay_password: Secret
    cashback_auditor_password: Secret
    cashback_operator_password: Secret
    cashback_webhooks_password: Secret
    minting_owner_password: Secret
    minting_worker_password: Secret
    minting_relay_password: Secret
    minting_auditor_password: Secret
    minting_operator_password: Secret
    chain_owner_password: Secret
    chain_adapter_password: Secret
    chain_auditor_password: Secret

    def password(self, role: str) -> str:
        """Return the password of one of the roles in `SERVICES`."""
        secret: Secret = getattr(self, f"{role}_password")
        return secret.value


class Service(msgspec.Struct, frozen=True):
    """One service's database: its owner, the roles of its processes, and its schemas in the order they are made."""

    database: str
    owner: str
    roles: tuple[str, ...]
    schemas: tuple[str, ...]


SERVICES: Final = (
    Service(
        "cashback",
        "cashback_owner",
        (
            "cashback_api",
            "cashback_ledger",
            "cashback_relay",
            "cashback_auditor",
            "cashback_operator",
            "cashback_webhooks",
        ),
        ("ledger", "purchases", "webhooks"),
    ),
    Service(
        "minting",
        "minting_owner",
        ("minting_worker", "minting_relay", "minting_auditor", "minting_operator"),
        ("minting",),
    ),
    Service("chain", "chain_owner", ("chain_adapter", "chain_auditor"), ("chain",)),
)


class MigrationRefused(Rejected):
    """The admin DSN is no connection string, or its user may not create databases and roles."""

    code = "migration_refused"


def migrate(settings: Settings, services: Sequence[str] = ()) -> dict[str, str]:
    """Return each schema's revision after bringing it to the head; no service named means all.

    Raises:
        DatabaseUnavailable: a server cannot be reached; run it again.
        MigrationRefused: the admin may not do this.
    """
    # Alembic with SQLAlchemy is half a second of imports, which the settings of a stack, for one, can do without.
    from cashback.kernel.migrations import upgrade  # noqa: PLC0415  # late, as said above

    revisions: dict[str, str] = {}
    for service in SERVICES:
        if services and service.database not in services:
            continue
        with _turn(settings, service) as admin:
            _provision(admin, settings, service)
            for schema in service.schemas:
                revisions[schema] = upgrade(owner_dsn(settings, service), schema)
                log.info("schema.migrated", schema=schema, revision=revisions[schema])
    return revisions


def owner_dsn(settings: Settings, service: Service) -> str:
    """Return how a database's owner connects: to the servers that the admin's DSN names, TLS options and all."""
    return _reaching(settings, user=service.owner, password=settings.password(service.owner), dbname=service.database)


def _reaching(settings: Settings, **changes: str) -> str:
    """Return the admin's connection string with changes, in which no server of several is waited for long."""
    dsn = settings.admin_dsn.value
    return make_conninfo(dsn, connect_timeout=each_within_s(dsn), **changes)


@contextmanager
def _turn(settings: Settings, service: Service) -> Iterator[psycopg.Connection]:
    """Yield the admin's connection, and let no other migration of this server work meanwhile.

    What is provided and what a revision grants on its database are the same row of the catalogue, for which PostgreSQL
    lets nobody wait: of two at once it fails one ("tuple concurrently updated").
    """
    with _told(service):
        connection = psycopg.connect(_reaching(settings), autocommit=True)
    with connection:
        with _told(service):
            connection.execute("select pg_advisory_lock(%s)", (_PROVISION_LOCK,))
        yield connection


@contextmanager
def _told(service: Service) -> Iterator[None]:
    """Tell what fails in the block by what to do about it."""
    try:
        yield
    except psycopg.OperationalError as cause:
        why = why_in_full(cause)
        raise DatabaseUnavailable(f"database {service.database} cannot be provided: {why}") from cause
    except psycopg.ProgrammingError as cause:
        raise MigrationRefused(f"database {service.database} cannot be provided: {cause}".strip()) from cause


def _provision(admin: psycopg.Connection, settings: Settings, service: Service) -> None:
    """Create what is missing of one service: roles with their passwords, the database, who may connect."""
    with _told(service):
        for role in (service.owner, *service.roles):
            _ensure_role(admin, role, settings.password(role))
        for role in service.roles:
            _bound_role(admin, role)
        _ensure_database(admin, service)
        with psycopg.connect(_reaching(settings, dbname=service.database), autocommit=True) as in_it:
            in_it.execute("revoke all on schema public from public")


def _ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    """Create a role that may log in and nothing else; an existing one gets the given password."""
    known = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
    verb = sql.SQL("alter" if known else "create")
    # Hashed here, so that the server's statement log never sees the password itself.
    secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL("{} role {} with login nosuperuser nocreatedb nocreaterole password {}").format(
            verb, sql.Identifier(role), sql.Literal(secret)
        )
    )


def _bound_role(connection: psycopg.Connection, role: str) -> None:
    """Have every session of a role begin with our timeouts; the owner has none, since a revision may take long."""
    bounds = dict(TIMEOUTS_MS)
    if not role.endswith(_READS_FOR_LONG) and connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        bounds["transaction_timeout"] = TRANSACTION_TIMEOUT_MS
    for name, bound_ms in bounds.items():
        connection.execute(
            sql.SQL("alter role {} set {} = {}").format(
                sql.Identifier(role), sql.Identifier(name), sql.Literal(bound_ms)
            )
        )


def _ensure_database(connection: psycopg.Connection, service: Service) -> None:
    """Create the database and let nobody but its own roles connect."""
    name = sql.Identifier(service.database)
    if connection.execute("select 1 from pg_database where datname = %s", (service.database,)).fetchone() is None:
        connection.execute(
            sql.SQL("create database {} owner {} template template0 encoding 'UTF8'").format(
                name, sql.Identifier(service.owner)
            )
        )
    connection.execute(sql.SQL("revoke all on database {} from public").format(name))
    connection.execute(
        sql.SQL("grant connect on database {} to {}").format(
            name, sql.SQL(", ").join(sql.Identifier(role) for role in service.roles)
        )
    )
