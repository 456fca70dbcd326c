"""The standard health service: serving until the server drains."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from grpclib.const import Status

from cashback.chain.rpc.errors import refused
from cashback.wire.grpc.health.v1 import HealthCheckRequest, HealthCheckResponse, HealthCheckResponseServingStatus
from cashback.wire.grpc.health.v1.server import HealthBase

SERVED: Final = frozenset(
    {
        "",
        "cashback.chain.v1.ChainAdapterService",
        "cashback.chain.v1.ChainAdminService",
        "cashback.chain.v1.ChainAnchorService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
    }
)


class Health(HealthBase):
    """Tells whether calls are taken."""

    def __init__(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        self._stop = stop

    async def check(self, message: HealthCheckRequest) -> HealthCheckResponse:
        """Answer once."""
        if message.service not in SERVED:
            raise refused(Status.NOT_FOUND, code="service_unknown", detail=f"{message.service} is not served here")
        return self._answer()

    async def watch(self, message: HealthCheckRequest) -> AsyncIterator[HealthCheckResponse]:
        """Answer now and when the server drains; a service that is not served here stays unknown."""
        if message.service not in SERVED:
            yield HealthCheckResponse(status=HealthCheckResponseServingStatus.SERVICE_UNKNOWN)
            await self._stop.wait()
            return
        yield self._answer()
        await self._stop.wait()
        yield self._answer()

    def _answer(self) -> HealthCheckResponse:
        """Return the present status."""
        serving = HealthCheckResponseServingStatus
        return HealthCheckResponse(status=serving.NOT_SERVING if self._stop.is_set() else serving.SERVING)
