"""Fresh databases on the session's PostgreSQL, at the price of a copy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import sql

from cashback.processes.embedded import EmbeddedPostgres


class Databases:
    """Makes databases of one server: what is dear is prepared once, as a template, and then copied."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        """Make nothing yet; `server` must run."""
        self._server = server
        self._numbers = count(1)
        self._templates: set[str] = set()

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

    def _execute(self, statement: sql.Composed) -> None:
        """Run one statement outside any transaction, as `create database` wants it."""
        with psycopg.connect(self._server.dsn(), autocommit=True) as connection:
            connection.execute(statement)
