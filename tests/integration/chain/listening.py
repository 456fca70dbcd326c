"""An adapter that listens, for those who call it over gRPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.server import OPEN, AdapterServer, Door
from cashback.kernel.errors import Unavailable
from cashback.processes.embedded import free_port
from tests.integration.chain.support import Bench, running
from tests.integration.chain.waiting import eventually

HOST = "127.0.0.1"


@asynccontextmanager
async def listening_at(bench: Bench, door: Door = OPEN, *, port: int = 0) -> AsyncIterator[str]:
    """Give the address at which the bench's adapter takes calls, at a free port unless one is given.

    Leaving drains it within two seconds.
    """
    port = port or free_port()
    parts = bench.adapter
    server = AdapterServer(
        host=HOST,
        port=port,
        services=parts.services,
        administration=Administration(
            parts.halting, parts.rotation, parts.recovering, cancellations=parts.cancellations, releases=parts.releases
        ),
        door=door,
    )

    async def look() -> bool | None:
        with suppress(Unavailable):
            await server.check()
            return True
        return None

    async with running(server.run):
        await eventually(look)
        yield f"{HOST}:{port}"
