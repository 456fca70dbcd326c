"""How many requests may be under way in a process, and how long each of them may take.

    comes in ──┬── so many are under way ──▶ 503 `overloaded`, at once       another process may have room
               └──▶ under way ──┬──▶ answered
                                └── takes too long ──▶ 503 `request_timeout`     the same request finds out

What is too much is answered before anything is looked up: a process that takes everything answers nobody in time.
Health is asked and answered beside all that.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final, TypeVar

from litestar.types import ASGIApp, Receive, Send
from prometheus_client import Gauge

from cashback.kernel.errors import Unavailable
from cashback.kernel.http.body import LARGE_BODIES
from cashback.kernel.http.problems import problem, send_problem
from cashback.kernel.http.turns import LargeBodies

REQUESTS_MAX: Final = 512
WITHIN_S: Final = 40.0
"""More than all that one request waits for in a database that stands still (32 s): what fails there says so itself."""

HEALTH: Final = frozenset({"/livez", "/readyz"})
_DEADLINE: Final = "cashback.deadline"
_HELD: Final = "cashback.held"

T = TypeVar("T")

ACTIVE: Final = Gauge("cashback_http_requests_active", "Requests that are under way, but for those of health.")


class RequestTimeout(Unavailable):
    """A request took longer than any may; whether it was done, the same request finds out."""

    code = "request_timeout"


class Admission:
    """ASGI middleware that lets in so many requests at a time, each for so long."""

    def __init__(self, app: ASGIApp, *, requests_max: int = REQUESTS_MAX, within_s: float = WITHIN_S) -> None:
        """Guard `app`."""
        self._app = app
        self._requests_max = requests_max
        self._within_s = within_s
        self._active = 0
        self._large_bodies = LargeBodies()
        ACTIVE.set_function(lambda: self._active)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Answer 503 or pass the request on.

        Raises:
            RequestTimeout: it took too long.
        """
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self._app(scope, receive, send)
            return
        if self._active >= self._requests_max:
            full = problem(503, "overloaded", "too many requests are under way; try again shortly")
            await send_problem(send, full, has_body=scope["method"] != "HEAD")
            return
        self._active += 1
        deadline = asyncio.timeout(self._within_s)
        scope[_DEADLINE] = deadline
        scope[LARGE_BODIES] = self._large_bodies
        # Made here: what is put into the copy of a scope, as HEAD has one, is not seen.
        scope[_HELD] = held = ExitStack()
        try:
            async with deadline:
                await self._app(scope, receive, send)
        except TimeoutError as cause:
            if not deadline.expired():
                raise
            raise RequestTimeout("this took longer than any request may; ask again what became of it") from cause
        finally:
            self._active -= 1
            held.close()


def may_take(request: Any, within_s: float) -> None:  # noqa: ANN401  # litestar's Request has three type variables
    """Let a request that is known to be a long one take so long from now on, in the place of what others may."""
    deadline: asyncio.Timeout | None = request.scope.get(_DEADLINE)
    if deadline is not None:
        deadline.reschedule(asyncio.get_running_loop().time() + within_s)


def held_by(request: Any, seat: AbstractContextManager[object]) -> ExitStack:  # noqa: ANN401  # as above
    """Enter `seat`, and leave it once the request has ended, however that ends: its answer is written afterwards.

    Return what the request holds, to be left earlier.
    """
    held: ExitStack = request.scope[_HELD]
    held.enter_context(seat)
    return held


async def left_behind(held: ExitStack, parts: AsyncIterator[T]) -> AsyncIterator[T]:
    """Yield the parts of an answer, and leave what its request holds before the last of them is sent.

    Whoever has read them may ask again before the request has ended here, and is to find its seat free.
    """
    async for part in parts:
        yield part
    held.close()
