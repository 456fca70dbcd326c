"""The application: the routes of every context, and what stands around them."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from litestar import HttpMethod, Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

import cashback.ledger.http
import cashback.purchases.http
import cashback.webhooks.http
from cashback.kernel.http import (
    EXCEPTION_HANDLERS,
    Admission,
    ApiKeyAuth,
    Guesses,
    Head,
    JsonRequest,
    KnownParameters,
    Limits,
    Observe,
    RateLimit,
    StructDocumentation,
)
from cashback.kernel.lifecycle import Check
from cashback.processes.api.guards import Guards
from cashback.processes.api.members import known_members
from cashback.processes.api.openapi import document_of_one, document_routes
from cashback.processes.api.operations import operations
from cashback.processes.api.reference import reference_routes
from cashback.processes.api.scopes import MERCHANTS, SCOPES
from cashback.purchases.service import ApiKeys, KeyOrders

BODY_BYTES_MAX: Final = 65_536


def application(
    *, services: Mapping[str, object], keys: ApiKeys, checks: Mapping[str, Check], guards: Guards | None = None
) -> Litestar:
    """Return the ASGI application over the given services; `services` are what handlers ask for by name."""
    guards = guards or Guards()
    given = {**services, "key_orders": KeyOrders(keys)}
    routes = [*cashback.purchases.http.ROUTES, *cashback.ledger.http.ROUTES, *cashback.webhooks.http.ROUTES]
    app = Litestar(
        route_handlers=[*routes, *operations(checks), *document_routes(), *reference_routes()],
        dependencies={name: Provide(_giving(service), sync_to_thread=False) for name, service in given.items()},
        middleware=[DefineMiddleware(KnownParameters, scopes=SCOPES, merchants=MERCHANTS)],
        plugins=[StructDocumentation(known_members())],
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=JsonRequest,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=document_of_one(),
        logging_config=None,
        debug=False,
    )
    _say_scopes(app)
    # Around the router and not in it, so that a path without a route is watched, authenticated and answered like any.
    app.asgi_handler = _guarded(app.asgi_handler, keys, guards, methods=_methods_of(app))
    return app


def _guarded(app: ASGIApp, keys: ApiKeys, guards: Guards, *, methods: Mapping[str, Collection[str]]) -> ASGIApp:
    """Return what stands around the router, from the inside out."""
    limits = Limits(merchants=guards.merchants, operators=guards.operators, now_s=guards.now_s)
    guesses = Guesses(rate=guards.guesses, now_s=guards.now_s)
    rated = RateLimit(app, limits, requests_max=guards.requests_max)
    known = ApiKeyAuth(rated, keys.authenticate, has_met=keys.has_met, guesses=guesses)
    admitted = Admission(Head(known, methods), requests_max=guards.requests_max, within_s=guards.request_within_s)
    return Observe(admitted, safety=guards.safety, access=guards.access)


def _methods_of(app: Litestar) -> dict[str, set[str]]:
    """Return which methods each path takes, by its template, wherever they were registered."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found.setdefault(route.path_format, set()).update(str(method) for method in route.methods)
    return found


def _say_scopes(app: Litestar) -> None:
    """Have the document tell of each operation that needs a key which scope that needs (OpenAPI 3.1, 4.8.30).

    Raises:
        KeyError: an operation has none.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/"):
            for handler in route.route_handlers:
                # Which methods a path takes is told to whoever has any key at all.
                if HttpMethod.OPTIONS not in handler.http_methods:
                    handler.security = [{"api_key": [SCOPES[str(handler.operation_id)]]}]


def _giving(service: object) -> Any:  # noqa: ANN401  # litestar reads the function, not its type
    """Return a function that returns `service`."""

    def give() -> object:
        return service

    return give
