"""Waiting for facts in asyncio: asked again and again until there is an answer, and never for longer than allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

LOOK_EVERY_S: Final = 0.1

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T | None]], *, within_s: float, what: str, every_s: float = LOOK_EVERY_S
) -> T:
    """Return what `look` finds as soon as it finds something; a look that costs is taken less often.

    Raises:
        AssertionError: it has found nothing for `within_s` seconds; it says `what` was awaited.
    """
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = await look()
                if found is not None:
                    return found
                await pause(every_s)
    except TimeoutError as cause:
        raise AssertionError(f"not within {within_s:g} s: {what}") from cause


async def pause(wait_s: float) -> None:
    """Return after `wait_s`: the beat of a load, or the pause between two looks at a fact."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await asyncio.Event().wait()
