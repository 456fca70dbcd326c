"""`/livez`, `/readyz` and `/metrics` of every process, at a port of their own that is not for callers."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cashback.kernel.errors import CashbackError
from cashback.kernel.lifecycle.bounds import Door, bounded_by
from cashback.kernel.lifecycle.listening import room_for, taking
from cashback.kernel.problem import MEDIA_TYPE, problem_document
from cashback.kernel.safety import Safety
from cashback.kernel.telemetry import trace

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when a dependency answers, raises a `CashbackError` when it does not."""

CHECK_TIMEOUT_S: Final = 1.0
_HEADERS: Final = Safety().of("")
OPEN: Final = Door()
"""For whoever has no settings of its own about it."""

_PROBED: Final = Door(connections_max=128)
"""Those who ask how a process is are few."""


class OwnSignalsServer(uvicorn.Server):
    """A uvicorn server that leaves signals to `run_until_stopped`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing."""
        yield


class Probe:
    """The small HTTP server beside a process: alive, ready (every dependency answers), metrics."""

    def __init__(self, *, host: str, port: int, checks: Mapping[str, Check]) -> None:
        """Serve on `host:port`; `checks` are asked at each `/readyz`, each for at most a second."""
        self._host = host
        self._port = port
        self._checks = checks

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        await serve_asgi(self._app, host=self._host, port=self._port, setting="PROBE", stop=stop, door=_PROBED)

    async def _app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401, ARG002  # ASGI's types
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/livez":
            await _answer(send, 200, b'{"status":"alive"}')
        elif scope["path"] == "/readyz":
            problems = await problems_of(self._checks)
            body = json.dumps({"status": "not ready" if problems else "ready", "problems": problems}).encode()
            await _answer(send, 503 if problems else 200, body)
        elif scope["path"] == "/metrics":
            await _answer(send, 200, generate_latest(), CONTENT_TYPE_LATEST)
        else:
            with trace(None):
                body = problem_document(404, "route_unknown", "there are /livez, /readyz and /metrics")
            await _answer(send, 404, body, MEDIA_TYPE)


async def serve_asgi(
    app: Any,  # noqa: ANN401  # ASGI's types
    *,
    host: str,
    port: int,
    setting: str,
    stop: asyncio.Event,
    door: Door = OPEN,
) -> None:
    """Serve an ASGI application until `stop` is set, then let requests in flight finish for two seconds.

    There are as many connections at a time as `door` has room for, and as the system lets this process open.

    Raises:
        CannotListen: the port is taken; it names the settings that begin with `setting`.
    """
    door = msgspec.structs.replace(door, connections_max=room_for(door.connections_max))
    # Bound here: uvicorn would end the process, in the middle of everybody's work, where we raise.
    with taking(host, port, setting=setting):
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    config = uvicorn.Config(
        app,
        http=bounded_by(door),
        ws="none",
        log_config=None,
        # What a client did wrong it is told; what we did wrong the application logs itself.
        log_level="critical",
        access_log=False,
        interface="asgi3",
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
        server_header=False,
    )
    server = OwnSignalsServer(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopped.cancel()
    await serving


async def problems_of(checks: Mapping[str, Check]) -> dict[str, str]:
    """Ask every dependency at once and return the sentence of each that does not answer."""
    answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
    return {name: answer for name, answer in zip(checks, answers, strict=True) if answer is not None}


async def _ask(check: Check) -> str | None:
    """Return None when the dependency answered in time, else what is wrong."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except CashbackError as cause:
        return cause.detail
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_S} s"
    return None


async def _answer(send: Any, status: int, body: bytes, kind: str = "application/json") -> None:  # noqa: ANN401  # its own
    """Send one whole response."""
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
