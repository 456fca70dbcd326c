"""How long a process tries to come to a database that may be at one of several servers.

    dsn names one server     CONNECT_WITHIN_S in all, 5 s for each address of its name
    dsn names several        CONNECT_WITHIN_S in all, 2 s for each

Who is looked for first may be frozen, and answer neither yes nor no: the others must still have their turn.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

CONNECT_WITHIN_S: Final = 10.0
"""Opening a connection in all, names looked up and every server tried: of four frozen ones a fifth has its turn."""
_ONE_WITHIN_S: Final = 5
_EACH_OF_SEVERAL_WITHIN_S: Final = 2
"""libpq knows nothing shorter."""


def each_within_s(dsn: str) -> int:
    """Return how long to wait for one server of a connection string, as libpq's `connect_timeout` (s).

    >>> each_within_s("postgresql://a:5432,b:5432/cashback?target_session_attrs=read-write")
    2
    """
    is_one = "," not in str(conninfo_to_dict(dsn).get("host", ""))
    return _ONE_WITHIN_S if is_one else _EACH_OF_SEVERAL_WITHIN_S


@asynccontextmanager
async def connecting() -> AsyncIterator[None]:
    """Bound the block, in which a connection is opened, whatever number of servers it goes through.

    Raises:
        ConnectionTimeout: it took longer than `CONNECT_WITHIN_S`.
    """
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            yield
    except TimeoutError as cause:
        raise errors.ConnectionTimeout(f"no connection within {CONNECT_WITHIN_S:g} s") from cause
