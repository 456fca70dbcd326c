"""The reference for `api`: the same application with one transaction per request, and a handler that does nothing.

Everything but the coalescing is the real thing: middleware, handler, statements, rows. It reads the settings of
`cashback api`; `CASHBACK_API_CONNECTIONS_MAX` says how many transactions run at a time.
"""

import asyncio

import uvloop
from litestar import Response, post

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import load
from cashback.kernel.db import Database
from cashback.kernel.lifecycle import run_until_stopped
from cashback.kernel.lifecycle.probe import serve_asgi
from cashback.kernel.telemetry import configure
from cashback.ledger.gateway import Adapter
from cashback.processes.api import Settings, application, door_of, endpoints_by, guards_of, services_over
from cashback.purchases import ApiKeys, Limits, Purchases


@post("/v1/nothing")
async def nothing() -> Response[bytes]:
    """Answer at once: what is left is the server, the middleware and the client."""
    return Response(b"{}", status_code=201, media_type="application/json")


async def run(settings: Settings) -> None:
    """Serve until a signal ends it."""
    clock = SystemClock()
    singly = Limits(batch_max=1, in_flight_max=settings.api_connections_max, overlap_min=1)
    async with (
        Database.open(settings.api_dsn.value, name="single", connections_max=settings.api_connections_max) as database,
        Adapter.open(settings.adapter_address) as adapter,
        Purchases.open(database, clock=clock, limits=singly) as purchases,
    ):
        keys = ApiKeys(database, pepper=settings.api_key_pepper, clock=clock)
        services = services_over(
            database, adapter, purchases, clock=clock, endpoints=endpoints_by(settings, clock=clock)
        )
        guards = guards_of(settings)
        app = application(services=services, keys=keys, checks={"database": database.ping}, guards=guards)
        door = door_of(settings, guards)
        app.register(nothing)

        async def serve(stop: asyncio.Event) -> None:
            await serve_asgi(app, host=settings.api_host, port=settings.api_port, setting="API", stop=stop, door=door)

        await run_until_stopped({"http": serve})


if __name__ == "__main__":
    configure(process="single api")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(load(Settings)))
