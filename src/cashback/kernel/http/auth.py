"""Who is calling: an API key in `Authorization: Bearer ...`, looked up once and turned into a principal.

A merchant's key reaches that merchant's data only; an operator's key reaches everything.
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final, TypeAlias, cast

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Send

from cashback.kernel.errors import CashbackError, Forbidden
from cashback.kernel.http.problems import MEDIA_TYPE, problem, status_of

OPEN_PATHS: Final = ("/livez", "/readyz", "/metrics", "/openapi")
_SCHEME: Final = b"Bearer "


class Scope(Enum):
    """What an API key may reach."""

    OPERATOR = "operator"
    MERCHANT = "merchant"


class Principal(msgspec.Struct, frozen=True):
    """The caller behind an API key; `merchant_id` is set exactly when the scope is MERCHANT."""

    key_id: str
    scope: Scope
    merchant_id: str | None

    def may_see(self, merchant_id: str) -> bool:
        """Tell whether this caller may know of that merchant's data."""
        return self.scope is Scope.OPERATOR or self.merchant_id == merchant_id


Authenticate: TypeAlias = Callable[[str], Awaitable[Principal | None]]


class OperatorOnly(Forbidden):
    """Only an operator's key may do this."""

    code = "operator_only"


def principal_of(request: Any) -> Principal:  # noqa: ANN401  # litestar's Request has three type variables
    """Return the caller of an authenticated request."""
    return cast("Principal", request.scope["user"])


def require_operator(principal: Principal) -> None:
    """Return when the caller is the operator.

    Raises:
        OperatorOnly: it is a merchant.
    """
    if principal.scope is not Scope.OPERATOR:
        raise OperatorOnly("this needs an operator's API key")


class ApiKeyAuth:
    """ASGI middleware that lets nobody past without a valid key, save for health, metrics and the documentation."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        """Guard `app`; `authenticate` returns None for an unknown or revoked key."""
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Answer 401 or pass the request on with its principal."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        presented = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        try:
            principal = await self._principal(presented)
        except CashbackError as error:
            await _refuse(scope, send, problem(status_of(error), error.code, error.detail))
            return
        if principal is None:
            answer = problem(401, "api_key_invalid", "present a valid API key as `Authorization: Bearer ...`")
            answer.headers["WWW-Authenticate"] = 'Bearer realm="cashback"'
            await _refuse(scope, send, answer)
            return
        scope["user"] = principal
        await self._app(scope, receive, send)

    async def _principal(self, presented: bytes) -> Principal | None:
        """Return the caller that the header names, or None."""
        if not presented.startswith(_SCHEME) or not presented.isascii():
            return None
        return await self._authenticate(presented[len(_SCHEME) :].decode())


async def _refuse(scope: Any, send: Any, answer: Response[bytes]) -> None:  # noqa: ANN401
    """Send a response from outside any route."""
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(answer.content)).encode())]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.content})
