"""The administrator's half of an adapter without a chain; what an order comes to, the adapter itself decides."""

from collections.abc import Awaitable, Callable, Sequence

from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdminServiceBase


class FakeAdministration(ChainAdminServiceBase):
    """Takes orders to cancel mints, and to let held ones go."""

    def __init__(
        self,
        cancel: Callable[[v1.Mint], Awaitable[v1.CancelMintsResponseEntry]],
        release: Callable[[Sequence[int]], Awaitable[list[int]]],
    ) -> None:
        """Have `cancel` decide about each mint, and `release` which of them were held."""
        self._cancel = cancel
        self._release = release

    async def cancel_mints(self, message: v1.CancelMintsRequest) -> v1.CancelMintsResponse:
        """Cancel mints, in the order asked."""
        return v1.CancelMintsResponse(entries=[await self._cancel(mint) for mint in message.mints])

    async def release_mints(self, message: v1.ReleaseMintsRequest) -> v1.ReleaseMintsResponse:
        """Let held mints go, and tell which those were."""
        return v1.ReleaseMintsResponse(released=await self._release(message.numbers))
