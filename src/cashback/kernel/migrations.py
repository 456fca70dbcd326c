"""Schema histories: one Alembic history per schema, run by that database's owner role, forward only."""

from pathlib import Path
from typing import Final

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from cashback.kernel.db import DatabaseUnavailable
from cashback.kernel.refusals import why_in_full

ROOT: Final = Path(__file__).resolve().parents[3] / "migrations"
_LOCK: Final = 0x6361_7368
"""Key of the advisory lock under which one database is migrated: two runs side by side take turns."""


def upgrade(dsn: str, schema: str) -> str:
    """Bring `schema` to the head of its history and return that revision; a second run changes nothing.

    `dsn` is a libpq connection string of the database's owner.

    Raises:
        DatabaseUnavailable: it cannot be reached, or turned the owner away; nothing of a revision is half done.
    """
    config = _config(schema)
    # The driver reads the string itself: SQLAlchemy's URL has no place for all that libpq knows, as several servers.
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), isolation_level="READ COMMITTED"
    )
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(text(f"create schema if not exists {schema}"))
            config.attributes.update(connection=connection, schema=schema)
            command.upgrade(config, "head")
    except OperationalError as cause:
        why = why_in_full(cause.orig) if isinstance(cause.orig, psycopg.OperationalError) else cause.orig
        raise DatabaseUnavailable(f"schema {schema} cannot be migrated: {why}") from cause
    finally:
        engine.dispose()
    return head(schema)


def head(schema: str) -> str:
    """Return the newest revision that this release knows for `schema`."""
    return str(ScriptDirectory.from_config(_config(schema)).get_current_head())


def run(sql: str) -> None:
    """Execute SQL text as it stands, several statements and all; for use inside a revision."""
    bind = op.get_bind().execution_options(no_parameters=True)
    bind.exec_driver_sql(sql)


def block(name: str, *, schema: str) -> str:
    """Return the SQL of a shared block (`migrations/blocks/NAME.sql`) for one schema."""
    return (ROOT / "blocks" / f"{name}.sql").read_text(encoding="utf-8").replace("{schema}", schema)


def _config(schema: str) -> Config:
    """Return Alembic's settings for one history; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(ROOT))
    config.set_main_option("version_locations", str(ROOT / schema))
    config.set_main_option("path_separator", "os")
    return config
