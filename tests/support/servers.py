"""The session's PostgreSQL, and fresh databases on it at the price of a copy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from cashback.processes.embedded import SUPERUSER, EmbeddedPostgres

_SETTINGS: Final = {"max_wal_size": "256MB", "scram_iterations": "1"}
"""Each copy of a database is written to the log: nox keeps the servers' files in memory, and 1 GB a server is much.

Most tests connect a dozen times, and would hash a password 4,096 times for each; what is slow to guess protects nothing
here. PostgreSQL hashes the passwords of roles that are made from now on so.
"""


@contextmanager
def shared_postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL for many tests, which survives its own death, though not the machine's."""
    with EmbeddedPostgres(folder, durable=False, settings=_SETTINGS) as server:
        password = sql.Literal(server.password_file.read_text(encoding="ascii"))
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            # The superuser's was hashed before there were settings.
            connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(SUPERUSER), password))
        yield server


class Databases:
    """Makes databases of one server: what is dear is prepared once, as a template, and then copied."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        """Make nothing yet; `server` must run."""
        self._server = server
        self._numbers = count(1)
        self._templates: set[str] = set()
        self._line: psycopg.Connection | None = None

    def template(self, name: str, prepare: Callable[[str], None], *, of: str = "template0") -> str:
        """Return `name` as that of a database that `prepare` was given the DSN of, once; later calls do not repeat it.

        It begins as a copy of `of`.
        Nothing of `prepare` may stay connected: PostgreSQL does not copy a database in use.
        """
        if name not in self._templates:
            self._execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(of)))
            prepare(self._server.dsn(name))
            self._templates.add(name)
        return name

    @contextmanager
    def fresh(self, template: str = "template0") -> Iterator[str]:
        """Give the superuser's DSN of a new copy of `template`, and drop it afterwards, whoever is still connected."""
        name = f"{template}_{next(self._numbers)}"
        # Its files are copied as they are: through the log, page by page, it takes twice as long.
        self._execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        try:
            yield self._server.dsn(name)
        finally:
            self._execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Hang up; whatever is asked for afterwards connects anew."""
        if self._line is not None:
            self._line.close()

    def _execute(self, statement: sql.Composed) -> None:
        """Run one statement outside any transaction, as `create database` wants it, on one connection for them all."""
        if self._line is None or self._line.closed:
            self._line = psycopg.connect(self._server.dsn(), autocommit=True)
        self._line.execute(statement)
