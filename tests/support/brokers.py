"""The whole system with three servers for its broker, each of which may be lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, cast

from cashback.kernel.bus import Bus
from cashback.processes.embedded import HOST, EmbeddedNats, EmbeddedNatsCluster
from tests.support.facts import eventually
from tests.support.stack import IMPATIENT, WholeSystem

REPLICAS: Final = 3
WELL_WITHIN_S: Final = 30.0


class Brokers(EmbeddedNatsCluster):
    """Three servers in the place of a stack's one, with every stream on all of them."""

    def start(self) -> Self:
        """Return them, come together, with the streams of production."""
        super().start()
        asyncio.run(self._declare())
        return self

    async def _declare(self) -> None:
        """Make the streams before anybody could make them on one server."""
        async with Bus.connect(self.url(), name="brokers", replicas=REPLICAS) as bus:
            await bus.wait_connected()
            await bus.apply_streams()

    @property
    def is_running(self) -> bool:
        """Tell whether any of the servers runs."""
        return any(server.is_running for server in self.servers.values())

    @property
    def port(self) -> int:
        """Return where the first of them is."""
        return next(iter(self.servers.values())).port

    def abandon(self) -> None:
        """Make a start that is under way fail soon."""
        for server in self.servers.values():
            server.abandon()

    async def are_well(self) -> None:
        """Return once all three are in step."""

        async def look() -> bool | None:
            return True if await asyncio.to_thread(self.is_well) else None

        await eventually(look, within_s=WELL_WITHIN_S, what="three servers in step")


class ClusterSystem(WholeSystem):
    """A system whose processes know three addresses, and want their streams on as many servers."""

    def __init__(self, folder: Path, *, anvil: Path) -> None:
        """Start nothing yet."""
        super().__init__(folder, anvil=anvil, changes=IMPATIENT)
        self.brokers = Brokers(folder / "brokers", users=self.plan.broker_users(), durable=False)
        # Started, stopped and asked for its address in the same way.
        self.nats = cast("EmbeddedNats", self.brokers)

    def settings(self, name: str) -> dict[str, str]:
        """Return the `CASHBACK_*` variables of one process."""
        settings = super().settings(name)
        if "CASHBACK_NATS_URL" in settings:
            urls = ",".join(f"nats://{HOST}:{server.port}" for server in self.brokers.servers.values())
            settings |= {"CASHBACK_NATS_URL": urls, "CASHBACK_STREAM_REPLICAS": str(REPLICAS)}
        return settings


@contextmanager
def cluster_system(folder: Path, anvil: Path) -> Iterator[ClusterSystem]:
    """Give such a system, running."""
    with ClusterSystem(folder, anvil=anvil) as stack:
        yield stack
