"""Ending in good order: what accompanies something ends with it, whatever it makes of being told so."""

import asyncio

import pytest

from cashback.kernel.errors import Broken
from cashback.kernel.lifecycle.stopping import accompanied


async def test_a_companion_that_swallows_its_cancellation_keeps_nobody() -> None:
    """As nats-py does when an answer comes at that moment; what ended the work is told all the same."""
    swallowed = 0

    async def breaks() -> None:
        """Break as soon as the companion is at it."""
        await asyncio.sleep(0)
        raise Broken("this cannot be")

    async def swallows() -> None:
        """Go on twice, as if nothing had been said."""
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        with pytest.raises(Broken, match="this cannot be"):
            await accompanied(breaks(), swallows())
    assert swallowed == 2
