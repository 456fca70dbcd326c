"""The whole document: what the framework says of the routes, and what it cannot say."""

from typing import Any

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from cashback.kernel.http.commands import MAKES
from cashback.processes.api.openapi.examples import add_examples, recorded_examples
from cashback.processes.api.openapi.extensions import add_extensions
from cashback.processes.api.openapi.headers import add_headers
from cashback.processes.api.openapi.links import add_links
from cashback.processes.api.problems import known_problems


def finished(app: Litestar) -> dict[str, Any]:
    """Return the document of an application, the same in every process of one release."""
    # The framework keeps its own: a copy is changed.
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    add_extensions(document, known_problems())
    add_headers(document)
    add_links(document, makes=_makes(app))
    add_examples(document, recorded_examples())
    return document


def _makes(app: Litestar) -> dict[str, str]:
    """Return the path that shows what an operation makes, by the operation's name, of those that make something."""
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    return {str(handler.operation_id): handler.opt[MAKES] for handler in handlers if MAKES in handler.opt}
