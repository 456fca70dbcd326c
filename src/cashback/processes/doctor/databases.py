"""What each database says: at which revisions its schemas are, and what waits in its outboxes."""

from typing import Final

import psycopg

from cashback.kernel.config import Secret
from cashback.kernel.errors import CashbackError
from cashback.kernel.migrations import head
from cashback.kernel.outbox.drain import go_by_index, oldest_s
from cashback.processes.doctor.asking import OVERDUE

_NAME: Final = "doctor"


class SchemaBehind(CashbackError):
    """A schema is not at the revision that this release needs."""

    code = "schema_behind"


class EventsUnpublished(CashbackError):
    """Events wait to be published, and no relay does it."""

    code = "events_unpublished"


async def schemas(dsn: Secret, names: tuple[str, ...]) -> str:
    """Return the revisions of a database's schemas, all at their heads.

    Raises:
        SchemaBehind: one is not.
    """
    said: list[str] = []
    # Not through a pool, which tries again instead of telling why it could not connect.
    async with await psycopg.AsyncConnection.connect(dsn.value, application_name=_NAME) as connection:
        for schema in names:
            cursor = await connection.execute(
                f"""
                select version_num
                from {schema}.schema_history
                """.encode()
            )
            row = await cursor.fetchone()
            found = None if row is None else str(row[0])
            if found != head(schema):
                raise SchemaBehind(f"{schema} is at {found}, this release needs {head(schema)}: run cashback migrate")
            said.append(f"{schema} at {found}")
    return ", ".join(said)


async def outboxes(dsn: Secret, service: str, names: tuple[str, ...]) -> str:
    """Return that nothing waits for long in the outboxes of a service, by the cursors of its relays.

    As much work with a backlog as without: of each lane the first event beyond its cursor is read.

    Raises:
        EventsUnpublished: an event is older than a minute.
    """
    waiting: dict[str, float] = {}
    async with await psycopg.AsyncConnection.connect(dsn.value, application_name=_NAME) as connection:
        await go_by_index(connection)
        for schema in names:
            waiting[schema] = await oldest_s(connection, schema)
    if late := [f"{schema} for {age_s:,.0f} s" for schema, age_s in waiting.items() if age_s > OVERDUE.seconds]:
        raise EventsUnpublished(
            f"events wait to be published, those of {' and '.join(late)}: start `cashback relay` with"
            f" CASHBACK_RELAY_SERVICE={service}; of one that is at work, log and /readyz say what it waits for"
        )
    return ", ".join(_standing(schema, age_s) for schema, age_s in waiting.items())


def _standing(schema: str, age_s: float) -> str:
    """Return how an outbox stands in which nothing waits for long.

    >>> _standing("ledger", 0.0), _standing("ledger", 1.7)
    ('ledger is published', 'ledger is 2 s behind')
    """
    return f"{schema} is {age_s:.0f} s behind" if age_s else f"{schema} is published"
