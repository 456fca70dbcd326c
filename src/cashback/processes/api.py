"""`cashback api`: the REST API. It reaches PostgreSQL and, for live figures, the adapter; no broker and no chain.

HTTP ─▶ Observe ─▶ Head ─▶ ApiKeyAuth ─▶ router ─▶ Purchases, People, Programmes ─▶ database cashback
                                           └─────▶ the stories ─▶ Readings ───────▶ database cashback
                                                        └───────▶ Adapter ────────▶ gRPC, short deadline
"""

import asyncio
from collections.abc import Iterator, Mapping
from copy import copy
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme

import cashback.ledger.http
import cashback.purchases.http
import cashback.webhooks.http
from cashback.kernel.clock import Clock, SystemClock, business_clock
from cashback.kernel.config import Dsn, HostPort, Port, Secret
from cashback.kernel.db import Database
from cashback.kernel.http import (
    EXCEPTION_HANDLERS,
    ApiKeyAuth,
    Head,
    JsonRequest,
    KnownParameters,
    Observe,
    StructDocumentation,
)
from cashback.kernel.lifecycle import Check, Probe, run_until_stopped
from cashback.kernel.lifecycle.probe import problems_of, serve_asgi
from cashback.ledger.gateway import Adapter
from cashback.ledger.service import (
    AdjustmentReadings,
    Audits,
    Backtests,
    CampaignReadings,
    Debts,
    MintLimit,
    Prover,
    Queues,
    RateReadings,
    Readings,
    Replays,
    RulesetReadings,
    Simulations,
    Statements,
    Stories,
)
from cashback.ledger.service.proving import LINES_OVER_REST_MAX
from cashback.processes.tls import ClientTls
from cashback.processes.webhook_settings import NO_KEY, WebhookKey, contradictions_of_loopback, sealing_keys
from cashback.processes.webhooks_once import known_to, once_by
from cashback.purchases.service import (
    Adjustments,
    ApiKeys,
    Campaigns,
    DebtWriteOffs,
    Facts,
    Orders,
    People,
    Programmes,
    Purchases,
    PurchaseStories,
    Rates,
    Refunds,
    Rulesets,
    Standings,
    UserStatements,
    UserStories,
    Verdicts,
)
from cashback.webhooks.service.commands import WebhookCommands
from cashback.webhooks.service.endpoints import Endpoints
from cashback.webhooks.service.event_types import EVENT_TYPES
from cashback.webhooks.service.readings import WebhookReadings

BODY_BYTES_MAX: Final = 65_536
BACKTEST_CHUNK: Final = 50
"""So few purchases are decided at a time before other requests have their turn."""


class Settings(ClientTls, frozen=True, kw_only=True):
    """What the API needs to know."""

    api_dsn: Dsn
    api_key_pepper: Secret
    webhook_key: WebhookKey
    adapter_address: HostPort
    probe_port: Port
    api_host: str = "127.0.0.1"
    api_port: Port = 8080
    probe_host: str = "127.0.0.1"
    api_connections_max: int = 8
    webhook_key_before: WebhookKey = NO_KEY
    webhook_allow_loopback: bool = False
    development: bool = False

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what of the files of TLS, and of where webhooks may lead, cannot be used."""
        yield from ClientTls.contradictions(settings)
        yield from contradictions_of_loopback(settings)


async def run(settings: Settings) -> None:
    """Serve until a signal ends it; commits in flight are answered first, unless the database keeps them too long."""
    clock = business_clock()
    async with (
        Database.open(settings.api_dsn.value, name="api", connections_max=settings.api_connections_max) as database,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
        Purchases.open(database, clock=clock) as purchases,
    ):
        checks = {"database": database.ping}
        app = application(
            services=services_over(
                database, adapter, purchases, clock=clock, endpoints=endpoints_by(settings, clock=SystemClock())
            ),
            keys=ApiKeys(database, pepper=settings.api_key_pepper, clock=clock),
            checks=checks,
        )
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)

        async def serve(stop: asyncio.Event) -> None:
            await serve_asgi(app, host=settings.api_host, port=settings.api_port, setting="API", stop=stop)

        await run_until_stopped({"http": serve, "probe": probe.run})


def endpoints_by(settings: Settings, *, clock: Clock) -> Endpoints:
    """Return what makes endpoints of webhooks; by the machine's clock, as events say when they happened."""
    keys = sealing_keys(settings.webhook_key, settings.webhook_key_before)
    return Endpoints(clock, keys=keys, types=EVENT_TYPES, allow_loopback=settings.webhook_allow_loopback)


def services_over(
    database: Database, adapter: Adapter, purchases: Purchases, *, clock: Clock, endpoints: Endpoints
) -> dict[str, object]:
    """Return what handlers ask for, by name."""
    readings, people = Readings(database), People(database, clock=clock)
    stories, orders = Stories(readings, adapter), Orders(database, clock=clock)
    mint_limit = MintLimit(readings, adapter, clock=clock)
    return {
        "adjustment_readings": AdjustmentReadings(database),
        "adjustments": Adjustments(database, clock=clock, mint_limit=mint_limit),
        "audits": Audits(database),
        "backtests": Backtests(database, chunk=BACKTEST_CHUNK),
        "books": database,
        "campaign_readings": CampaignReadings(database, clock=clock),
        "campaigns": Campaigns(orders, mint_limit=mint_limit),
        "debts": Debts(database),
        "facts": Facts(orders),
        "people": people,
        "programmes": Programmes(database, clock=clock, mint_limit=mint_limit),
        "prover": Prover(database, lines_max=LINES_OVER_REST_MAX),
        "purchase_stories": PurchaseStories(purchases, stories),
        "purchases": purchases,
        "queues": Queues(database, clock=clock),
        "rate_readings": RateReadings(database),
        "rates": Rates(orders),
        "readings": readings,
        "refunds": Refunds(database, clock=clock),
        "replays": Replays(database),
        "ruleset_readings": RulesetReadings(database, mint_limit=mint_limit),
        "rulesets": Rulesets(orders, mint_limit=mint_limit),
        "simulations": Simulations(database),
        "standings": Standings(database, orders),
        "stories": stories,
        "user_statements": UserStatements(people, Statements(database)),
        "user_stories": UserStories(people, stories),
        "verdicts": Verdicts(orders),
        "webhook_commands": WebhookCommands(database, endpoints, once=once_by(orders), known=known_to(people)),
        "webhook_readings": WebhookReadings(database),
        "write_offs": DebtWriteOffs(database, clock=clock),
    }


def application(*, services: Mapping[str, object], keys: ApiKeys, checks: Mapping[str, Check]) -> Litestar:
    """Return the ASGI application over the given services; `services` are what handlers ask for by name."""
    routes = [*cashback.purchases.http.ROUTES, *cashback.ledger.http.ROUTES, *cashback.webhooks.http.ROUTES]
    # One of each application's own: the framework adds its routes to it.
    document = copy(OPENAPI)
    document.openapi_router = Router("/openapi", route_handlers=[], include_in_schema=False, after_request=_refuse_page)
    app = Litestar(
        route_handlers=[Router("/", route_handlers=routes, security=[{"api_key": []}]), *_operations(checks)],
        dependencies={name: Provide(_giving(service), sync_to_thread=False) for name, service in services.items()},
        middleware=[KnownParameters],
        plugins=[StructDocumentation()],
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=JsonRequest,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=document,
        logging_config=None,
        debug=False,
    )
    # Around the router and not in it, so that a path without a route is watched, authenticated and answered like any.
    app.asgi_handler = Observe(Head(ApiKeyAuth(app.asgi_handler, keys.authenticate)))
    return app


async def _refuse_page(response: Response[Any]) -> Response[Any]:
    """Return the document; where the framework has a page of its own for a path that there is not, raise for ours."""
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise NotFoundException
    return response


def _giving(service: object) -> Any:  # noqa: ANN401  # litestar reads the function, not its type
    """Return a function that returns `service`."""

    def give() -> object:
        return service

    return give


def _operations(checks: Mapping[str, Check]) -> list[Any]:
    """Return the routes for whoever balances the load: alive, ready. The metrics are at the probe alone."""

    @get("/livez", operation_id="livez", summary="Is the process alive?", tags=["Operations"])
    async def livez() -> dict[str, str]:
        """Tell that the event loop turns."""
        return {"status": "alive"}

    @get(
        "/readyz",
        operation_id="readyz",
        summary="Is the process ready?",
        tags=["Operations"],
        responses={503: _NOT_READY},
    )
    async def readyz() -> Response[Readiness]:
        """Tell whether every dependency that a purchase needs answers; the adapter is not one of them."""
        problems = await problems_of(checks)
        body = Readiness("not ready" if problems else "ready", problems)
        return Response(body, status_code=503 if problems else 200)

    return [livez, readyz]


class Readiness(msgspec.Struct, frozen=True):
    """Whether every dependency answers, and what is wrong with those that do not, by name."""

    status: str
    problems: dict[str, str]


_NOT_READY: Final = ResponseSpec(Readiness, generate_examples=False, description="A dependency does not answer.")

OPENAPI: Final = OpenAPIConfig(
    title="cashback",
    version="1",
    description=(
        "Purchases become tokens in the customer's own wallet. Amounts are decimal strings of whole minor units. Every"
        " POST needs an `Idempotency-Key` and may be repeated. Every error is a problem document (RFC 9457)."
    ),
    license=License(name="Apache-2.0", identifier="Apache-2.0"),
    path="/openapi",
    use_handler_docstrings=True,
    render_plugins=[JsonRenderPlugin()],
    components=Components(
        security_schemes={"api_key": SecurityScheme(type="http", scheme="bearer", description="An API key.")}
    ),
)
