"""The real adapter's answers over gRPC, without lanes and follower: what `cashback reconcile` asks.

CASHBACK_... python -m tests.benchmarks.reconcile_adapter
"""

import asyncio

from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.server import AdapterServer
from cashback.kernel.config import load
from cashback.kernel.telemetry import configure
from cashback.processes.adapter import Settings, opened


async def serve(settings: Settings) -> None:
    """Serve until the process is ended."""
    async with opened(settings) as (adapter, _):
        server = AdapterServer(
            host=settings.adapter_host,
            port=settings.adapter_port,
            services=adapter.services,
            administration=Administration(
                adapter.halting,
                adapter.rotation,
                adapter.recovering,
                cancellations=adapter.cancellations,
                releases=adapter.releases,
            ),
        )
        await server.run(asyncio.Event())


if __name__ == "__main__":
    configure(process="bench adapter", level="warning")
    asyncio.run(serve(load(Settings)))
