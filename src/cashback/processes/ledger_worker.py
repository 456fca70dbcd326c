"""`cashback worker ledger`: requests mints for approved cashback, settles their outcomes, and closes the loop.

cashback.approved ─────▶ approvals ──┐
                         sweeper ────┼──▶ ledger, outbox ──▶ token.mint.requested
                         life ───────┼──▶ ledger, outbox ──▶ cashback.approved / voided / expired
token.minted / failed ─▶ outcomes ───┘
adapter ─▶ which numbers are known? ─▶ fence ─▶ numbers may be given out
        └▶ limit: does the programme in force fit through what the minter mints at once?
"""

from datetime import timedelta
from typing import Annotated, Final

import msgspec

from cashback.kernel.bus import Bus, Consumer
from cashback.kernel.clock import business_clock
from cashback.kernel.config import Dsn, HostPort, NatsUrl, Port, Secret
from cashback.kernel.db import Database
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.ledger import MintLimit, MintPolicy, Readings, Sweeper
from cashback.ledger.consumer import APPROVED, OUTCOMES, LedgerConsumer
from cashback.ledger.gateway import Adapter
from cashback.ledger.service import Fencing
from cashback.ledger.service.life import Life
from cashback.processes.tls import ClientTls

SCHEMA: Final = "ledger"

Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the ledger's database, the broker, the adapter and the probe are, and how patient the sweep is.

    A request without an outcome is published again after `reissue_after_s`, and then later and later; an approved
    cashback that nobody requested is requested after `missed_after_s`.
    """

    ledger_dsn: Dsn
    nats_url: NatsUrl
    adapter_address: HostPort
    probe_port: Port
    nats_user: str = ""
    nats_password: Secret = Secret("")
    probe_host: str = "127.0.0.1"
    reissue_after_s: Seconds = 120
    missed_after_s: Seconds = 30


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; any number of these may run beside each other.

    Raises:
        GrantAboveLimit: a purchase could earn more than the minter mints at once; it says what to do.
    """
    clock = business_clock()
    policy = MintPolicy(
        reissue_first=timedelta(seconds=settings.reissue_after_s),
        missed_after=timedelta(seconds=settings.missed_after_s),
    )
    async with (
        Database.open(settings.ledger_dsn.value, name="worker ledger") as database,
        Bus.connect(
            settings.nats_url, name="worker ledger", user=settings.nats_user, password=settings.nats_password.value
        ) as bus,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
    ):
        limit = MintLimit(Readings(database), adapter)
        await limit.admit()
        handlers = LedgerConsumer(clock=clock, policy=policy)
        approvals = Consumer(
            bus, database, schema=SCHEMA, name="ledger-approvals", types=APPROVED, handler=handlers.on_approved
        )
        outcomes = Consumer(
            bus, database, schema=SCHEMA, name="ledger-outcomes", types=OUTCOMES, handler=handlers.on_outcome
        )
        sweeper = Sweeper(database, clock=clock, policy=policy)
        life = Life(database, clock=clock)
        fencing = Fencing(database, adapter)
        checks = {"database": database.ping, "broker": bus.ping, "mint_limit": limit.check, "numbers": fencing.check}
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {
                "approvals": approvals.run,
                "outcomes": outcomes.run,
                "sweeper": sweeper.run,
                "life": life.run,
                "limit": limit.run,
                "fence": fencing.run,
                "probe": probe.run,
            }
        )
