"""Schema histories: one Alembic history per schema, run by that database's owner role, forward only.

A run is one transaction. What a revision names in `beside` is built after its commit, while others read and write: an
index, by its name, with what it is on. None there means that a later revision has no use for it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.sql import SQL, Identifier
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from cashback.kernel.db import DatabaseUnavailable
from cashback.kernel.refusals import why_in_full

ROOT: Final = Path(__file__).resolve().parents[3] / "migrations"
_LOCK: Final = 0x6361_7368
"""Key of the advisory lock under which one database is migrated: two runs side by side take turns."""


def upgrade(dsn: str, schema: str) -> str:
    """Bring `schema` to the head of its history and return that revision; a second run changes nothing.

    `dsn` is a libpq connection string of the database's owner. Indexes that are built beside writers come last, and
    what of them an earlier run has left half done is done again.

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
        _build_beside(dsn, schema)
    except OperationalError as cause:
        why = why_in_full(cause.orig) if isinstance(cause.orig, psycopg.OperationalError) else cause.orig
        raise DatabaseUnavailable(f"schema {schema} cannot be migrated: {why}") from cause
    except psycopg.OperationalError as cause:
        raise DatabaseUnavailable(f"schema {schema} cannot be migrated: {why_in_full(cause)}") from cause
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


def _build_beside(dsn: str, schema: str) -> None:
    """Build what the revisions that were run want beside writers and is not there whole, and drop what they do not.

    Waits for whoever writes at the moment and is waited for by nobody; what is cut off is begun anew by the next run.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name, on in _wanted_beside(connection, schema).items():
            found = connection.execute(
                "select indisvalid from pg_index where indexrelid = to_regclass(%s)", (f"{schema}.{name}",)
            ).fetchone()
            is_whole = found is not None and bool(found[0])
            if found is not None and not (is_whole and on is not None):
                connection.execute(SQL("drop index concurrently {}").format(Identifier(schema, name)))
            if on is not None and not is_whole:
                connection.execute(SQL("create index concurrently {} {}").format(Identifier(name), SQL(on)))


def _wanted_beside(connection: psycopg.Connection, schema: str) -> Mapping[str, LiteralString | None]:
    """Return each index that is built beside writers with what it is on, by the newest revision that names it."""
    reached = connection.execute(SQL("select version_num from {}").format(Identifier(schema, "schema_history")))
    wanted: dict[str, LiteralString | None] = {}
    for (revision,) in reached.fetchall():
        for script in ScriptDirectory.from_config(_config(schema)).iterate_revisions(revision, "base"):
            wanted = {**getattr(script.module, "beside", {}), **wanted}
    return wanted


def _config(schema: str) -> Config:
    """Return Alembic's settings for one history; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(ROOT))
    config.set_main_option("version_locations", str(ROOT / schema))
    config.set_main_option("path_separator", "os")
    return config
