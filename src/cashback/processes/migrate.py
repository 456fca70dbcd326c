"""`cashback migrate`: creates databases and roles where they are missing and brings every schema to its head.

    admin DSN ──▶ roles ──▶ databases ──▶ owner DSN ──▶ one history per schema

Running it again changes nothing; two runs side by side take turns. Each service's database may live on its own server:
`--service` migrates one of them.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from cashback.kernel.config import Secret
from cashback.kernel.migrations import upgrade
from cashback.kernel.telemetry import logger

_PROVISION_LOCK: Final = 0x7072_6F76

log = logger(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may create databases and roles, and the password that each role gets."""

    admin_dsn: Secret
    cashback_owner_password: Secret
    cashback_api_password: Secret
    cashback_ledger_password: Secret
    cashback_relay_password: Secret
    cashback_auditor_password: Secret
    minting_owner_password: Secret
    minting_worker_password: Secret
    minting_relay_password: Secret
    minting_auditor_password: Secret
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
        ("cashback_api", "cashback_ledger", "cashback_relay", "cashback_auditor"),
        ("ledger", "purchases"),
    ),
    Service("minting", "minting_owner", ("minting_worker", "minting_relay", "minting_auditor"), ("minting",)),
    Service("chain", "chain_owner", ("chain_adapter", "chain_auditor"), ("chain",)),
)


def migrate(settings: Settings, services: Sequence[str] = ()) -> dict[str, str]:
    """Return each schema's revision after bringing it to the head; no service named means all.

    Raises:
        psycopg.OperationalError: a server cannot be reached, or the admin may not do this.
    """
    revisions: dict[str, str] = {}
    for service in SERVICES:
        if services and service.database not in services:
            continue
        _provision(settings, service)
        for schema in service.schemas:
            revisions[schema] = upgrade(owner_url(settings, service), schema)
            log.info("schema.migrated", schema=schema, revision=revisions[schema])
    return revisions


def owner_url(settings: Settings, service: Service) -> str:
    """Return the connection URL of a database's owner on the server that the admin DSN names."""
    admin = psycopg.conninfo.conninfo_to_dict(settings.admin_dsn.value)
    return URL.create(
        "postgresql",
        username=service.owner,
        password=settings.password(service.owner),
        host=str(admin.get("host", "127.0.0.1")),
        port=int(str(admin.get("port", 5432))),
        database=service.database,
    ).render_as_string(hide_password=False)


def _provision(settings: Settings, service: Service) -> None:
    """Create what is missing of one service: roles with their passwords, the database, who may connect."""
    with psycopg.connect(settings.admin_dsn.value, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_PROVISION_LOCK,))
        for role in (service.owner, *service.roles):
            _ensure_role(connection, role, settings.password(role))
        _ensure_database(connection, service)
    with psycopg.connect(make_conninfo(settings.admin_dsn.value, dbname=service.database), autocommit=True) as inside:
        inside.execute("revoke all on schema public from public")


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
