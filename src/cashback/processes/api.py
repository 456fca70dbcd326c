"""`cashback api`: the REST API. It reaches PostgreSQL and, for live figures, the adapter; no broker and no chain.

HTTP ─▶ Observe ─▶ ApiKeyAuth ─▶ routes ─▶ Purchases, People ─▶ database cashback
└▶ Readings ───────────▶ database cashback
└▶ Adapter ────────────▶ blockchain adapter (gRPC, short deadline)
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import cashback.ledger.http
import cashback.purchases.http
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.http import EXCEPTION_HANDLERS, ApiKeyAuth, Observe
from cashback.kernel.lifecycle import Check, run_until_stopped
from cashback.kernel.lifecycle.probe import problems_of, serve_asgi
from cashback.ledger.gateway import Adapter
from cashback.ledger.service import Programmes, Readings, Stories
from cashback.purchases.service import ApiKeys, People, Purchases, PurchaseStories

BODY_BYTES_MAX: Final = 65_536


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the API needs to know."""

    api_dsn: Secret
    api_key_pepper: Secret
    adapter_address: str
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    api_connections_max: int = 8


async def run(settings: Settings) -> None:
    """Serve until a signal ends it; commits in flight are answered first."""
    clock = SystemClock()
    async with (
        Database.open(settings.api_dsn.value, name="api", connections_max=settings.api_connections_max) as database,
        Adapter.open(settings.adapter_address) as adapter,
        Purchases.open(database, clock=clock) as purchases,
    ):
        readings = Readings(database)
        stories = Stories(readings, adapter)
        app = application(
            services={
                "purchases": purchases,
                "purchase_stories": PurchaseStories(purchases, stories),
                "people": People(database, clock=clock),
                "programmes": Programmes(database, clock=clock),
                "readings": readings,
                "stories": stories,
            },
            keys=ApiKeys(database, pepper=settings.api_key_pepper, clock=clock),
            checks={"database": database.ping},
        )

        async def serve(stop: asyncio.Event) -> None:
            await serve_asgi(app, host=settings.api_host, port=settings.api_port, stop=stop)

        await run_until_stopped({"http": serve})


def application(*, services: Mapping[str, object], keys: ApiKeys, checks: Mapping[str, Check]) -> Litestar:
    """Return the ASGI application over the given services; `services` are what handlers ask for by name."""
    return Litestar(
        route_handlers=[*cashback.purchases.http.ROUTES, *cashback.ledger.http.ROUTES, *_operations(checks)],
        dependencies={name: Provide(_giving(service), sync_to_thread=False) for name, service in services.items()},
        middleware=[Observe, DefineMiddleware(ApiKeyAuth, authenticate=keys.authenticate)],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OPENAPI,
        logging_config=None,
        debug=False,
    )


def _giving(service: object) -> Any:  # noqa: ANN401  # litestar reads the function, not its type
    """Return a function that returns `service`."""

    def give() -> object:
        return service

    return give


def _operations(checks: Mapping[str, Check]) -> list[Any]:
    """Return the routes for those who run this: alive, ready, metrics."""

    @get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """Tell that the event loop turns."""
        return {"status": "alive"}

    @get("/readyz", include_in_schema=False)
    async def readyz() -> Response[dict[str, Any]]:
        """Tell whether every dependency that a purchase needs answers; the adapter is not one of them."""
        problems = await problems_of(checks)
        body = {"status": "not ready" if problems else "ready", "problems": problems}
        return Response(body, status_code=503 if problems else 200)

    @get("/metrics", include_in_schema=False)
    async def metrics() -> Response[bytes]:
        """Return the metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [livez, readyz, metrics]


OPENAPI: Final = OpenAPIConfig(
    title="cashback",
    version="1",
    description="Purchases become tokens in the customer's own wallet. Every error is a problem document (RFC 9457).",
    path="/openapi",
    render_plugins=[JsonRenderPlugin()],
    components=Components(
        security_schemes={"api_key": SecurityScheme(type="http", scheme="bearer", description="An API key.")}
    ),
    security=[{"api_key": []}],
)
