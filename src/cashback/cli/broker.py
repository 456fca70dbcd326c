"""One connection to the broker for one verb."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from cashback.kernel.config import load

if TYPE_CHECKING:
    from cashback.kernel.bus import Bus

T = TypeVar("T")
_CONNECTED_WITHIN_S: Final = 3.0


def with_bus(act: "Callable[[Bus], Awaitable[T]]") -> T:
    """Run `act` on a connection to the broker and return what it returns."""
    from cashback.processes.broker import BrokerSettings, broker_of

    settings = load(BrokerSettings)

    async def run() -> T:
        """Connect, wait a little, and act."""
        async with broker_of(settings, "cashback operator") as bus:
            await bus.wait_connected(at_most_s=_CONNECTED_WITHIN_S)
            return await act(bus)

    return asyncio.run(run())
