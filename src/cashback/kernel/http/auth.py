"""Who is calling: an API key in `Authorization: Bearer ...`, looked up once and turned into a principal.

A merchant's key reaches that merchant's data only; an operator's key reaches everything.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias, cast

from litestar.types import ASGIApp, Receive, Send

from cashback.kernel.errors import Forbidden
from cashback.kernel.http.problems import problem, send_problem
from cashback.kernel.principal import Principal, Scope

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/openapi"})
_OPEN_FOLDERS: Final = ("/openapi/", "/docs/")
_CHALLENGE: Final = 'Bearer realm="cashback"'
_ERROR: Final = ', error="invalid_token"'
"""Said only to who presented something (RFC 6750, section 3.1)."""

_AGAIN: Final = "cashback.ask_again"
"""Where a request keeps how it is asked once more who sent it."""

Authenticate: TypeAlias = Callable[[str], Awaitable[Principal | None]]


class OperatorOnly(Forbidden):
    """Only an operator's key may do this."""

    code = "operator_only"


def principal_of(request: Any) -> Principal:  # noqa: ANN401  # litestar's Request has three type variables
    """Return the caller of an authenticated request."""
    return cast("Principal", request.scope["user"])


async def is_still_let_in(request: Any) -> bool:  # noqa: ANN401  # as above
    """Tell whether the key of a request that takes long still opens the same: it may have been revoked meanwhile."""
    return bool(await request.scope[_AGAIN]() == principal_of(request))


def require_operator(principal: Principal) -> None:
    """Return when the caller is the operator.

    Raises:
        OperatorOnly: it is a merchant.
    """
    if principal.scope is not Scope.OPERATOR:
        raise OperatorOnly("this needs an operator's API key")


class ApiKeyAuth:
    """ASGI middleware that lets nobody past without a valid key, save for health and the documentation."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        """Guard `app`; `authenticate` returns None for an unknown or revoked key."""
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Answer 401 or pass the request on with its principal."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or scope["path"].startswith(_OPEN_FOLDERS):
            await self._app(scope, receive, send)
            return
        presented = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        principal = await self._principal(presented)
        if principal is None:
            answer = problem(401, "api_key_invalid", "present a valid API key as `Authorization: Bearer ...`")
            answer.headers["WWW-Authenticate"] = _CHALLENGE + _ERROR if presented else _CHALLENGE
            await send_problem(send, answer)
            return
        scope["user"] = principal
        scope[_AGAIN] = partial(self._principal, presented)
        await self._app(scope, receive, send)

    async def _principal(self, presented: bytes) -> Principal | None:
        """Return the caller that the header names, or None; the scheme's case does not matter (RFC 9110, 11.1)."""
        scheme, _, secret = presented.partition(b" ")
        if scheme.lower() != b"bearer" or not secret.isascii():
            return None
        return await self._authenticate(secret.decode())
