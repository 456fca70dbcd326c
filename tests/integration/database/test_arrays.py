"""Arrays come to the server as what they were written from, nulls and none at all included."""

from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import psycopg
import pytest

from cashback.kernel.db import Database
from cashback.processes.embedded import EmbeddedPostgres

ARRAYS: Final[list[tuple[LiteralString, list[Any]]]] = [
    ("select %(values)b::text[]", ["one", "", "zwölf", None]),
    ("select %(values)b::bytea[]", [b"\0\1", b"", None]),
    ("select %(values)b::bigint[]", [-(2**63), 0, None, 2**63 - 1]),
    ("select %(values)b::integer[]", [-(2**31), None, 2**31 - 1]),
    ("select %(values)b::int[]", [1, 2, 3]),
    ("select %(values)b::smallint[]", [-(2**15), None, 2**15 - 1]),
    ("select %(values)b::boolean[]", [True, False, None]),
    ("select %(values)b::timestamptz[]", [datetime(1, 1, 2, tzinfo=UTC), None, datetime(9999, 12, 31, tzinfo=UTC)]),
]


@pytest.mark.parametrize("statement, values", ARRAYS, ids=[statement[-12:] for statement, _ in ARRAYS])
async def test_an_array_comes_as_it_was(
    postgres: EmbeddedPostgres, statement: LiteralString, values: list[Any]
) -> None:
    """Each type that statements cast to, whole, all null and empty."""
    async with Database.open(postgres.dsn(), name="arrays") as database, database.transaction() as tx:
        for sent in (values, [None, None], []):
            cursor = await tx.execute(statement, {"values": sent})
            assert await cursor.fetchone() == (sent,)


async def test_a_value_that_is_not_of_its_type_is_the_servers_to_refuse(postgres: EmbeddedPostgres) -> None:
    """What cannot be written as its type is refused as it was before anything was packed."""
    async with Database.open(postgres.dsn(), name="arrays") as database:
        with pytest.raises(psycopg.DataError, match="out of range"):
            async with database.transaction() as tx:
                await tx.execute("select %(values)b::smallint[]", {"values": [2**15]})
