"""The administrator's half of an adapter without a chain; what a cancellation comes to, the adapter itself decides."""

from collections.abc import Awaitable, Callable

from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdminServiceBase


class FakeAdministration(ChainAdminServiceBase):
    """Takes orders to cancel mints."""

    def __init__(self, cancel: Callable[[v1.Mint], Awaitable[v1.CancelMintsResponseEntry]]) -> None:
        """Have `cancel` decide about each mint."""
        self._cancel = cancel

    async def cancel_mints(self, message: v1.CancelMintsRequest) -> v1.CancelMintsResponse:
        """Cancel mints, in the order asked."""
        return v1.CancelMintsResponse(entries=[await self._cancel(mint) for mint in message.mints])
