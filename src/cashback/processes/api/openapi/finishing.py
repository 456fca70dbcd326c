"""The whole document: what the framework says of the routes, and what it cannot say."""

from collections.abc import Collection
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from cashback.kernel.http.body import may_be_left_out
from cashback.kernel.http.commands import MAKES
from cashback.kernel.published_patterns import publish_patterns
from cashback.processes.api.openapi.examples import add_examples, recorded_examples
from cashback.processes.api.openapi.extensions import add_extensions
from cashback.processes.api.openapi.headers import add_headers
from cashback.processes.api.openapi.links import add_links
from cashback.processes.api.problems import known_problems


def finished(app: Litestar) -> dict[str, Any]:
    """Return the document of an application, the same in every process of one release."""
    # The framework keeps its own: a copy is changed.
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    _free_bodies(document, _unneeded(app))
    add_extensions(document, known_problems())
    add_headers(document)
    publish_patterns(document)
    add_links(document, makes=_makes(app))
    add_examples(document, recorded_examples())
    return document


def _makes(app: Litestar) -> dict[str, str]:
    """Return the path that shows what an operation makes, by the operation's name, of those that make something."""
    return {str(handler.operation_id): handler.opt[MAKES] for handler in _handlers(app) if MAKES in handler.opt}


def _unneeded(app: Litestar) -> frozenset[str]:
    """Return the names of the operations whose body may be left out."""
    fields = [(str(handler.operation_id), handler.parsed_data_field) for handler in _handlers(app)]
    return frozenset(name for name, field in fields if field is not None and may_be_left_out(field.annotation))


def _handlers(app: Litestar) -> list[HTTPRouteHandler]:
    """Return what handles each operation, the framework's own routes among it."""
    return [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]


def _free_bodies(document: dict[str, Any], names: Collection[str]) -> None:
    """Have operations tell that their body may be left out; the framework takes each body for required."""
    for operation in [one for item in document["paths"].values() for one in item.values()]:
        if operation["operationId"] in names:
            operation["requestBody"]["required"] = False
