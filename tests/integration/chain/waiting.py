"""Waiting for a fact, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.02

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Return what `look` finds as soon as it finds something; fail after `WITHIN_S`."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await look()
            if found is not None:
                return found
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await asyncio.Event().wait()
