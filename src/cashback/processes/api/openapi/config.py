"""What no route says of the document: its title, its tags, how a key is presented."""

from copy import copy
from typing import Any, Final

from litestar import Request, Router
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag

_KEY: Final = "An API key: one that was made for scopes needs the scope that is named, any other does all its kind may."
TAGS: Final = {
    "Purchases": "What was bought: recorded once, and answered with the cashback that it earned and why.",
    "Refunds": "What is returned of a purchase, and what that leaves of its cashback.",
    "Cashback": "What became of it: decided, held, reviewed, minted; and what people gave or took back by hand.",
    "Users": "Who buys: their wallets, how those were proved, and what they have.",
    "Merchants": "Where is bought, and who owns it.",
    "Programmes": "The terms under which purchases earn: one in force for each currency.",
    "Campaigns": "Budgets of a programme, from which cashback is granted.",
    "Rulesets": "What earns how much: drafted, looked at, tried on purchases, published as versions that never change.",
    "Exchange rates": "What a currency is worth in another one from an instant on.",
    "Debts": "What users owe after refunds of cashback that was minted.",
    "Mints": "Tokens on their way to a wallet, by their numbers.",
    "Books": "Proofs that the books are whole: seals, reconciliations, recomputations, a trial balance.",
    "Events": "What happened within the last 30 days, with the bytes that webhooks are posted.",
    "Webhooks": "Where events are posted, signed, and what became of each.",
    "API keys": "Keys for programs: for some scopes, until an end, replaced with an overlap, revoked.",
    "Audit log": "Who did what, with which key.",
    "Operations": "For whoever balances the load.",
}
"""Each subject by its name, in the order in which they are told, and what it is about."""

OPENAPI: Final = OpenAPIConfig(
    title="cashback",
    version="1",
    description=(
        "Purchases become tokens in the customer's own wallet. Amounts are decimal strings of whole minor units. Every"
        " POST needs an `Idempotency-Key` and may be repeated. Every error is a problem document (RFC 9457)."
    ),
    license=License(name="Apache-2.0", identifier="Apache-2.0"),
    # Whatever address it was read from.
    servers=[Server(url="/")],
    tags=[Tag(name=name, description=told) for name, told in TAGS.items()],
    use_handler_docstrings=True,
    # The framework wants to serve it somehow.
    render_plugins=[JsonRenderPlugin()],
    components=Components(security_schemes={"api_key": SecurityScheme(type="http", scheme="bearer", description=_KEY)}),
)


def document_of_one() -> OpenAPIConfig:
    """Return the document for one application: the framework adds its routes to it, and serves nothing by itself."""
    document = copy(OPENAPI)
    document.openapi_router = Router(
        "/openapi/of-the-framework", route_handlers=[], include_in_schema=False, before_request=_refuse
    )
    return document


async def _refuse(request: Request[Any, Any, Any]) -> None:
    """Answer as where there is nothing: what the framework would serve is unfinished, and its pages are no problems.

    Raises:
        NotFoundException: always.
    """
    raise NotFoundException(detail=request.url.path)
