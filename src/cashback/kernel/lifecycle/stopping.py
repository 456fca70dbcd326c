"""Ending in good order: a loop is told to stop, and does not get to take its time."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")

GRACE_S: Final = 1.5
CANCEL_EVERY_S: Final = 0.25


async def until_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event, *, grace_s: float = GRACE_S) -> None:
    """Run `work` to its end and raise what it raises; `grace_s` seconds after `stop` was set it is cancelled.

    Cancelled is what hangs on the world: a transaction in progress rolls back, a publication stays unknown.
    """
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({working}, timeout=grace_s)
    finally:
        stopping.cancel()
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
    if not working.cancelled():
        working.result()


async def accompanied(work: Coroutine[Any, Any, T], *companions: Coroutine[Any, Any, None]) -> T:
    """Return what `work` comes to, with `companions` beside it, which never end by themselves, and then end them.

    What either raises is raised, and neither outlives the other.
    """
    working = asyncio.create_task(work)
    beside = [asyncio.create_task(one) for one in companions]
    left: set[asyncio.Task[Any]] = {working, *beside}
    try:
        await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
    finally:
        while left:
            # More than once: nats-py swallows cancellations here and there.
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=CANCEL_EVERY_S)
    for task in (working, *beside):
        if not task.cancelled():
            task.result()
    return working.result()


async def pause(stop: asyncio.Event, wait_s: float) -> None:
    """Return after `wait_s`, or as soon as `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await stop.wait()
