"""The OpenAPI document, as far as no handler says it, and where it is served."""

from copy import copy
from http import HTTPStatus
from typing import Any, Final

from litestar import Response, Router
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme

_KEY: Final = "An API key: one that was made for scopes needs the scope that is named, any other does all its kind may."
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
    components=Components(security_schemes={"api_key": SecurityScheme(type="http", scheme="bearer", description=_KEY)}),
)


def document_of_one() -> OpenAPIConfig:
    """Return the document for one application: the framework adds its routes to it."""
    document = copy(OPENAPI)
    document.openapi_router = Router("/openapi", route_handlers=[], include_in_schema=False, after_request=_refuse_page)
    return document


async def _refuse_page(response: Response[Any]) -> Response[Any]:
    """Return the document; where the framework has a page of its own for a path that there is not, raise for ours."""
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise NotFoundException
    return response
