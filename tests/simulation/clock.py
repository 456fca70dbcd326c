"""Logical time, for this process and for its database: it stands still until a step of the schedule moves it.

PostgreSQL looks functions up along the `search_path`, and only without one it begins with `pg_catalog`. A database
whose path begins with `simulation` therefore calls our `clock_timestamp()`, in statements and in defaults alike, and
no statement of the adapter is written differently for it (docs/adr/0020). The instant is kept in a sequence: it changes
outside of transactions, as a clock does.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest
from psycopg import sql

from cashback.chain.gateway import endpoint
from cashback.chain.service import recovery, tenure
from cashback.chain.service.tenure import Tenure

START_S: Final = 1_800_000_000

_SCHEMA: Final = """
create schema simulation;
create sequence simulation.clock_ms;
create function simulation.clock_timestamp() returns timestamptz
language sql volatile
as $$ select pg_catalog.to_timestamp(last_value / 1000.0) from simulation.clock_ms $$;
grant usage on schema simulation to public;
grant select on simulation.clock_ms to public;
"""


def install(dsn: str) -> None:
    """Give a database logical time, before it has any table."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_SCHEMA)
    use(dsn)


def use(dsn: str) -> None:
    """Have every later session of a database look there first; a copy of a database does not inherit that."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("alter database {} set search_path = simulation, pg_catalog").format(
                sql.Identifier(connection.info.dbname)
            )
        )


class Clock:
    """What time it is in one world."""

    def __init__(self, connection: psycopg.Connection) -> None:
        """Start anew, and tell the database behind `connection`."""
        self._connection = connection
        self.now_ms = START_S * 1_000
        self.advance(0)

    def advance(self, by_ms: int) -> None:
        """Move on, here and in the database."""
        self.now_ms += by_ms
        self._connection.execute("select setval('simulation.clock_ms', %s)", (self.now_ms,))

    @property
    def now_s(self) -> int:
        """Return the seconds since the epoch."""
        return self.now_ms // 1_000

    def monotonic_s(self) -> float:
        """Return what the adapter's code takes for the machine's monotonic clock."""
        return self.now_ms / 1_000

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Let the adapter's code measure its pauses by this clock.

        A lease is not renewed beside a turn: no logical time passes in it unless the process stands still, and then
        nothing of it moves.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(endpoint, "monotonic_s", self.monotonic_s)
            patch.setattr(recovery, "monotonic_s", self.monotonic_s)
            patch.setattr(tenure, "monotonic_s", self.monotonic_s)
            patch.setattr(Tenure, "_renew", _stand_still)
            yield


async def _stand_still(_: Tenure) -> None:
    """Wait until the turn beside it is over."""
    await asyncio.Event().wait()
