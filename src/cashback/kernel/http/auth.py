"""Who is calling: an API key in `Authorization: Bearer ...`, looked up once and turned into a principal.

A merchant's key reaches that merchant's data only; an operator's key reaches everything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias, cast

from litestar.types import ASGIApp, Receive, Send

from cashback.kernel.http.limits import Guesses, limited
from cashback.kernel.http.problems import problem, send_problem
from cashback.kernel.principal import Principal

OPEN_PATHS: Final = frozenset({"/", "/livez", "/readyz", "/openapi", "/docs"})
_OPEN_FOLDERS: Final = ("/openapi/", "/docs/")
STRANGERS_AT_ONCE: Final = 4
"""So many whom this process has not met are looked up at a time: it knows others, who want its connections as well."""

_CHALLENGE: Final = 'Bearer realm="cashback"'
_ERROR: Final = ', error="invalid_token"'
"""Said only to who presented something (RFC 6750, section 3.1)."""

_WANTED: Final = "present a valid API key as `Authorization: Bearer ...`"
_TWICE: Final = "present one API key, in one `Authorization` header"

_AGAIN: Final = "cashback.ask_again"
"""Where a request keeps how it is asked once more who sent it."""

Authenticate: TypeAlias = Callable[[str], Awaitable[Principal | None]]
HasMet: TypeAlias = Callable[[str], bool]
"""Tells, without asking anybody, whether a secret was let in before."""


def principal_of(request: Any) -> Principal:  # noqa: ANN401  # litestar's Request has three type variables
    """Return the caller of an authenticated request."""
    return cast("Principal", request.scope["user"])


async def is_still_let_in(request: Any) -> bool:  # noqa: ANN401  # as above
    """Tell whether the key of a request that takes long still opens the same: it may have been revoked meanwhile."""
    return bool(await request.scope[_AGAIN]() == principal_of(request))


class ApiKeyAuth:
    """ASGI middleware that lets nobody past without a valid key, save for health and the documentation.

    An address where somebody guesses is told to wait, before what it presents is looked up; but for keys that were let
    in before.
    """

    def __init__(
        self, app: ASGIApp, authenticate: Authenticate, *, has_met: HasMet, guesses: Guesses | None = None
    ) -> None:
        """Guard `app`; `authenticate` returns None for an unknown or revoked key."""
        self._app = app
        self._authenticate = authenticate
        self._has_met = has_met
        self._guesses = guesses or Guesses()
        self._strangers = asyncio.Semaphore(STRANGERS_AT_ONCE)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Answer 401 or pass the request on with its principal.

        Raises:
            RateLimited: somebody at this address was wrong too often.
        """
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        named = [value for name, value in scope["headers"] if name == b"authorization"]
        # Of two keys one would silently win: none of them is looked up.
        presented = named[0] if len(named) == 1 else b""
        principal = await self._let_in(presented, (scope.get("client") or ("",))[0])
        if principal is None:
            answer = problem(401, "api_key_invalid", _WANTED if len(named) <= 1 else _TWICE)
            answer.headers["WWW-Authenticate"] = _CHALLENGE + _ERROR if any(named) else _CHALLENGE
            await send_problem(send, answer)
            return
        scope["user"] = principal
        scope[_AGAIN] = partial(self._principal, presented)
        await self._app(scope, receive, send)

    async def _let_in(self, presented: bytes, address: str) -> Principal | None:
        """Return the caller that the header names, or None.

        Who was never met is looked up beside a few others at a time: however many come at once, so few more than an
        address may guess are looked up before it is known that they are wrong.

        Raises:
            RateLimited: somebody at this address was wrong too often.
        """
        if self._is_met(presented):
            return self._noted(await self._principal(presented), address)
        self._refuse(address)
        async with self._strangers:
            self._refuse(address)
            return self._noted(await self._principal(presented), address)

    def _noted(self, principal: Principal | None, address: str) -> Principal | None:
        """Return a caller, and remember that the address was wrong where there is none."""
        if principal is None:
            self._guesses.note(address)
        return principal

    def _refuse(self, address: str) -> None:
        """Return where an address may be wrong once more.

        Raises:
            RateLimited: it was too often.
        """
        if wait_s := self._guesses.wait_s(address):
            raise limited(wait_s, reason="guesses", detail="too many requests came from here without a valid API key")

    async def _principal(self, presented: bytes) -> Principal | None:
        """Return the caller that the header names, or None."""
        secret = _secret_in(presented)
        return None if secret is None else await self._authenticate(secret)

    def _is_met(self, presented: bytes) -> bool:
        """Tell whether what the header has was let in before."""
        secret = _secret_in(presented)
        return secret is not None and self._has_met(secret)


def _secret_in(presented: bytes) -> str | None:
    """Return the secret that the header has, or None.

    The case of its scheme does not matter, nor how many spaces follow it (RFC 9110, 11.1 and 11.4).
    """
    scheme, _, told = presented.partition(b" ")
    secret = told.lstrip(b" ")
    return secret.decode() if scheme.lower() == b"bearer" and secret.isascii() else None


def _is_open(path: str) -> bool:
    """Tell whether a path needs no key, with a slash at its end as well: the router takes that for nothing."""
    return (path.removesuffix("/") or "/") in OPEN_PATHS or path.startswith(_OPEN_FOLDERS)
