"""`cashback worker mint`: takes mint requests to the adapter and brings its outcomes back.

token.mint.requested ──▶ requests ──▶ minting.mints ──▶ submitter ──gRPC──▶ adapter
token.minted / failed ◀── outbox ◀── follower (one at a time) ◀──stream───────┘
"""

from cashback.kernel.bus import Consumer
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Dsn, HostPort, Port
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.minting import Follower, Halts, NumberTeller, Requests, Submitter
from cashback.minting.consumer import NAME, TYPES, MintRequests
from cashback.minting.gateway import Adapter
from cashback.processes.broker import BrokerAndAdapterSettings, broker_of


class Settings(BrokerAndAdapterSettings, frozen=True, kw_only=True):
    """Where minting's database, the broker and the adapter are, and where the probe answers."""

    minting_dsn: Dsn
    adapter_address: HostPort
    probe_port: Port
    probe_host: str = "127.0.0.1"


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; any number of these may run beside each other."""
    holder = new_id("worker")
    clock = SystemClock()
    host, _, port = settings.adapter_address.rpartition(":")
    async with (
        Database.open(settings.minting_dsn.value, name="worker mint") as database,
        broker_of(settings, "worker mint") as bus,
        Adapter.connect(host, int(port), tls=settings.client_tls) as adapter,
    ):
        requests = MintRequests(Requests(clock))
        consumer = Consumer(bus, database, schema="minting", name=NAME, types=TYPES, handler=requests.handle)
        submitter = Submitter(database, adapter, clock, holder=holder)
        follower = Follower(database, adapter, clock, holder=holder)
        checks = {
            "database": database.ping,
            "broker": bus.ping,
            "adapter": adapter.ping,
            "minting": Halts(database).check,
        }
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {
                "requests": consumer.run,
                "submitter": submitter.run,
                "follower": follower.run,
                "numbers": NumberTeller(database, adapter).run,
                "probe": probe.run,
            }
        )
