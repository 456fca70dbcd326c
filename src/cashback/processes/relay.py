"""`cashback relay`: publishes one service's outboxes to the broker; it knows schemas and no context.

| service    | outboxes drained        |
|------------|-------------------------|
| `cashback` | `purchases`, `ledger`   |
| `minting`  | `minting`               |
"""

from typing import Final, Literal

from cashback.kernel.config import Dsn, Port
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.kernel.outbox.drain import Drainer
from cashback.processes.broker import BrokerSettings, broker_of

SCHEMAS: Final[dict[str, tuple[str, ...]]] = {"cashback": ("purchases", "ledger"), "minting": ("minting",)}


class Settings(BrokerSettings, frozen=True, kw_only=True):
    """Whose outboxes are drained, as which role, and to where."""

    relay_service: Literal["cashback", "minting"]
    relay_dsn: Dsn
    probe_port: Port
    probe_host: str = "127.0.0.1"


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; any number of these may run beside each other, of the same service too."""
    holder = new_id("relay")
    name = f"relay {settings.relay_service}"
    async with Database.open(settings.relay_dsn.value, name=name) as database, broker_of(settings, name) as bus:
        drainers = {
            schema: Drainer(database, bus, schema=schema, holder=holder) for schema in SCHEMAS[settings.relay_service]
        }
        probe = Probe(
            host=settings.probe_host, port=settings.probe_port, checks={"database": database.ping, "broker": bus.ping}
        )
        await run_until_stopped({**{schema: drainer.run for schema, drainer in drainers.items()}, "probe": probe.run})
