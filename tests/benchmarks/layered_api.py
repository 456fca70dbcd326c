"""The reference for `api_layers`: the application of `cashback api` over a handler that does nothing, short of a layer.

    python -m tests.benchmarks.layered_api WITHOUT

WITHOUT is the name of a layer around the router, `KnownParameters` inside it, `everything` for the router alone,
`router` for the server alone, or `nothing`. It reads the settings of `cashback api`.
"""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from unittest import mock

import uvloop
from litestar import Litestar

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import load
from cashback.kernel.db import Database
from cashback.kernel.http import ApiKeyAuth, KnownParameters
from cashback.kernel.lifecycle import run_until_stopped
from cashback.kernel.lifecycle.probe import serve_asgi
from cashback.kernel.principal import Principal, Scope
from cashback.kernel.telemetry import configure
from cashback.ledger.gateway import Adapter
from cashback.processes.api import Settings, application, door_of, endpoints_by, guards_of, services_over
from cashback.purchases import ApiKeys, Purchases
from tests.benchmarks.single_api import nothing
from tests.support.rates import UNLIMITED

NOTHING: Final = "nothing"
EVERYTHING: Final = "everything"
ROUTER: Final = "router"
INSIDE: Final = KnownParameters.__name__

_SOMEBODY: Final = Principal("key_nobody", Scope.OPERATOR, None, rate=UNLIMITED)


class PassedOn:
    """An ASGI layer that does nothing."""

    def __init__(self, app: Any, **_: Any) -> None:  # noqa: ANN401  # an ASGI application, and what a layer needs
        """Stand around `app`."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's own
        """Pass the request on."""
        await self._app(scope, receive, send)


class Somebody(PassedOn):
    """An ASGI layer that takes everybody for the operator: what is inside it finds a caller, as behind a real check."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's own
        """Pass the request on."""
        scope["user"] = _SOMEBODY
        await self._app(scope, receive, send)


def layers_of(app: Litestar) -> list[Any]:
    """Return what stands around the router, from the outside in."""
    found, inner = [], app.asgi_handler
    while type(inner).__module__.startswith("cashback."):
        found.append(inner)
        inner = inner._app  # type: ignore[attr-defined]  # as each of our layers calls what it stands around
    return found


def without(app: Litestar, name: str) -> Litestar:
    """Return the application without the layer of that name, or without all of them.

    Raises:
        ValueError: there is none of that name.
    """
    layers = layers_of(app)
    names = [type(layer).__name__ for layer in layers]
    if name == EVERYTHING:
        app.asgi_handler = Somebody(layers[-1]._app)
        return app
    place = names.index(name)
    inner = layers[place]._app
    if isinstance(layers[place], ApiKeyAuth):
        inner = Somebody(inner)
    if place:
        layers[place - 1]._app = inner
    else:
        app.asgi_handler = inner
    return app


def made(make: Callable[[], Litestar], name: str) -> Any:  # noqa: ANN401  # an ASGI application
    """Return what `make` makes, short of the layer of that name."""
    if name == ROUTER:
        return _alone
    with mock.patch(
        "cashback.processes.api.application.KnownParameters", PassedOn if name == INSIDE else KnownParameters
    ):
        app = make()
    app.register(nothing)
    return app if name in (NOTHING, INSIDE) else without(app, name)


async def run(settings: Settings, name: str) -> None:
    """Serve until a signal ends it."""
    clock = SystemClock()
    async with (
        Database.open(settings.api_dsn.value, name="layered") as database,
        Adapter.open(settings.adapter_address) as adapter,
        Purchases.open(database, clock=clock) as purchases,
    ):
        keys = ApiKeys(database, pepper=settings.api_key_pepper, clock=clock)
        services = services_over(
            database, adapter, purchases, clock=clock, endpoints=endpoints_by(settings, clock=clock)
        )
        checks, guards = {"database": database.ping}, guards_of(settings)
        make = partial(application, services=services, keys=keys, checks=checks, guards=guards)
        app, door = made(make, name), door_of(settings, guards)

        async def serve(stop: asyncio.Event) -> None:
            await serve_asgi(app, host=settings.api_host, port=settings.api_port, setting="API", stop=stop, door=door)

        await run_until_stopped({"http": serve})


async def _alone(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's own
    """Answer at once, whatever is asked: what is left is the server."""
    del receive
    status = 201 if scope["method"] == "POST" else 200
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    configure(process="layered api")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(load(Settings), sys.argv[1]))
