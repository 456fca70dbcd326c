"""The application: the routes of every context, and what stands around them."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide

import cashback.ledger.http
import cashback.purchases.http
import cashback.webhooks.http
from cashback.kernel.http import (
    EXCEPTION_HANDLERS,
    ApiKeyAuth,
    Head,
    JsonRequest,
    KnownParameters,
    Observe,
    StructDocumentation,
)
from cashback.kernel.lifecycle import Check
from cashback.processes.api.openapi import document_of_one
from cashback.processes.api.operations import operations
from cashback.purchases.service import ApiKeys

BODY_BYTES_MAX: Final = 65_536


def application(*, services: Mapping[str, object], keys: ApiKeys, checks: Mapping[str, Check]) -> Litestar:
    """Return the ASGI application over the given services; `services` are what handlers ask for by name."""
    routes = [*cashback.purchases.http.ROUTES, *cashback.ledger.http.ROUTES, *cashback.webhooks.http.ROUTES]
    app = Litestar(
        route_handlers=[Router("/", route_handlers=routes, security=[{"api_key": []}]), *operations(checks)],
        dependencies={name: Provide(_giving(service), sync_to_thread=False) for name, service in services.items()},
        middleware=[KnownParameters],
        plugins=[StructDocumentation()],
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=JsonRequest,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=document_of_one(),
        logging_config=None,
        debug=False,
    )
    # Around the router and not in it, so that a path without a route is watched, authenticated and answered like any.
    app.asgi_handler = Observe(Head(ApiKeyAuth(app.asgi_handler, keys.authenticate)))
    return app


def _giving(service: object) -> Any:  # noqa: ANN401  # litestar reads the function, not its type
    """Return a function that returns `service`."""

    def give() -> object:
        return service

    return give
