"""`cashback migrate`: creates databases and roles where they are missing and brings every schema to its head.

    admin DSN ──▶ roles ──▶ databases ──▶ owner DSN ──▶ one history per schema

Running it again changes nothing; two runs side by side take turns. Each service's database may live on its own server:
`--service` migrates one of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel.config import Dsn, Secret
from cashback.kernel.db import DatabaseUnavailable
from cashback.kernel.errors import Rejected
from cashback.kernel.telemetry import logger

_PROVISION_LOCK: Final = 0x7072_6F76
_OF_THE_ADMIN: Final = frozenset({"user", "password", "host", "port", "dbname"})
"""What of the admin's connection string an owner does not share."""

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
                revisions[schema] = upgrade(owner_url(settings, service), schema)
                log.info("schema.migrated", schema=schema, revision=revisions[schema])
    return revisions


def owner_url(settings: Settings, service: Service) -> str:
    """Return the connection URL of a database's owner on the server that the admin DSN names, TLS options and all."""
    admin = conninfo_to_dict(settings.admin_dsn.value)
    password = quote(settings.password(service.owner), safe="")
    # In square brackets an IPv6 address is a host, and so is a name without them (RFC 3986).
    host = str(admin.get("host", "127.0.0.1"))
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    options = urlencode({name: str(value) for name, value in admin.items() if name not in _OF_THE_ADMIN})
    url = f"postgresql://{service.owner}:{password}@{place}:{admin.get('port', 5432)}/{service.database}"
    return f"{url}?{options}" if options else url


@contextmanager
def _turn(settings: Settings, service: Service) -> Iterator[psycopg.Connection]:
    """Yield the admin's connection, and let no other migration of this server work meanwhile.

    What is provided and what a revision grants on its database are the same row of the catalogue, for which PostgreSQL
    lets nobody wait: of two at once it fails one ("tuple concurrently updated").
    """
    with _told(service):
        connection = psycopg.connect(settings.admin_dsn.value, autocommit=True)
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
        raise DatabaseUnavailable(f"database {service.database} cannot be provided: {cause}".strip()) from cause
    except psycopg.ProgrammingError as cause:
        raise MigrationRefused(f"database {service.database} cannot be provided: {cause}".strip()) from cause


def _provision(admin: psycopg.Connection, settings: Settings, service: Service) -> None:
    """Create what is missing of one service: roles with their passwords, the database, who may connect."""
    with _told(service):
        for role in (service.owner, *service.roles):
            _ensure_role(admin, role, settings.password(role))
        _ensure_database(admin, service)
        with psycopg.connect(
            make_conninfo(settings.admin_dsn.value, dbname=service.database), autocommit=True
        ) as in_it:
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
