"""`cashback worker ledger`: requests mints for approved cashback, settles their outcomes, and closes the loop.

cashback.approved ─────▶ approvals ──┐
                         sweeper ────┼──▶ ledger, outbox ──▶ token.mint.requested
                         life ───────┼──▶ ledger, outbox ──▶ cashback.approved / voided / expired
                         waitlist ───┼──▶ ledger, outbox ──▶ cashback.approved / voided
token.minted / failed ─▶ outcomes ───┘
every minute ──────────▶ debts too old to wait for are written off
adapter ─▶ which numbers are known? ─▶ fence ─▶ numbers may be given out
        └▶ limit: does the programme in force fit through what the minter mints at once?
transfers ──────────────▶ sealer, one at a time ──▶ leaves, seals ──▶ anchorer ──▶ adapter: the newest seal on the chain
        └───────────────▶ recomputer, once a night ──▶ is every balance what its entries come to?
reconciliations ─▶ supply, one at a time ──▶ the token's supply in the books
every few seconds ─────▶ gauges: how old the oldest mint is, what is stuck, what the books came to
auditors' DSNs, if given ─▶ reconciler ─▶ `cashback reconcile`, a program of its own
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec

from cashback.kernel.bus import Consumer
from cashback.kernel.clock import Clock, SystemClock, business_clock
from cashback.kernel.config import Dsn, HostPort, Port, Secret
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.ledger import MintLimit, MintPolicy, Readings, Sweeper, WriteOffs
from cashback.ledger.consumer import APPROVED, OUTCOMES, LedgerConsumer
from cashback.ledger.gateway import Adapter
from cashback.ledger.service import (
    Anchorer,
    AnchorPolicy,
    Fencing,
    Leased,
    Recomputer,
    Sealer,
    SealPolicy,
    Waitlist,
    anchoring,
    sealing,
    trial,
)
from cashback.ledger.service.figures import gauges
from cashback.ledger.service.life import Life
from cashback.ledger.service.supply import LEASE as SUPPLY_LEASE
from cashback.ledger.service.supply import SupplyBooker
from cashback.processes.broker import BrokerAndAdapterSettings, broker_of
from cashback.processes.reconciling import Auditing, Reconciler, settings_of_program
from cashback.processes.tls import ClientTls

SCHEMA: Final = "ledger"
LOOK_AT_CLOCK_EVERY_S: Final = 5.0
"""How often it is asked whether balances are to be recomputed; after a failure, or another worker's death, as well."""
ANCHOR_LOOK_EVERY_S: Final = 5.0
"""How often the anchorer asks how far an anchor is, or whether the next one is due."""
SUPPLY_LOOK_EVERY_S: Final = 5.0
"""How often the newest reconciliation is looked for."""
SEAL_EVERY_S: Final = 1.0
"""How often the sealer looks for transfers once it has chained all there were."""

Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
Hour = Annotated[int, msgspec.Meta(ge=0, le=23)]
Leaves = Annotated[int, msgspec.Meta(ge=1, le=16_384)]
WholeSeconds = Annotated[int, msgspec.Meta(ge=1, le=604_800)]

AUDITORS: Final = ("ledger_audit_dsn", "minting_audit_dsn", "chain_audit_dsn")


class Settings(BrokerAndAdapterSettings, frozen=True, kw_only=True):
    """Where the ledger's database, the broker, the adapter and the probe are, and how patient the sweep is.

    A request without an outcome is published again after `reissue_after_s`, and then later and later; an approved
    cashback that nobody requested is requested after `missed_after_s`. Transfers come under a seal `seal_leaves_max` at
    a time, and at the latest after `seal_after_s`; the newest seal is anchored every `anchor_every_s`. Balances are
    recomputed once a day, after `recompute_hour` (UTC). With the auditors' DSNs, all three or none, it has the ledger
    reconciled: from the last checkpoint each `reconcile_every_s`, and as a whole once a day, after
    `reconcile_whole_hour` (UTC).
    """

    ledger_dsn: Dsn
    adapter_address: HostPort
    probe_port: Port
    probe_host: str = "127.0.0.1"
    reissue_after_s: Seconds = 120
    missed_after_s: Seconds = 30
    seal_leaves_max: Leaves = 4_096
    seal_after_s: Seconds = 60
    anchor_every_s: Seconds = 3_600
    recompute_hour: Hour = 3
    ledger_audit_dsn: Dsn = Secret("")
    minting_audit_dsn: Dsn = Secret("")
    chain_audit_dsn: Dsn = Secret("")
    reconcile_every_s: Seconds = 3_600
    reconcile_whole_hour: Hour = 2
    finality_stale_s: WholeSeconds = 3_600

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what of the files of TLS cannot be used, and auditors without the others."""
        yield from BrokerAndAdapterSettings.contradictions(settings)
        # What is not among the settings was given, and is wrong.
        missing = [name for name in AUDITORS if name in settings and not settings[name].value]
        if 0 < len(missing) < len(AUDITORS):
            wanted = " and ".join(f"CASHBACK_{name.upper()}" for name in missing)
            yield f"{wanted} is required with the other auditors' DSNs, for this worker to have the ledger reconciled"

    @property
    def auditing(self) -> Auditing | None:
        """Return how the ledger is reconciled, None where this worker does not see to it."""
        if not self.ledger_audit_dsn.value:
            return None
        handed_on = (*AUDITORS, "adapter_address", "finality_stale_s", *ClientTls.__struct_fields__)
        return Auditing(
            every=timedelta(seconds=self.reconcile_every_s),
            whole_hour=self.reconcile_whole_hour,
            settings=settings_of_program({name: getattr(self, name) for name in handed_on}),
        )


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
        broker_of(settings, "worker ledger") as bus,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
    ):
        limit = MintLimit(Readings(database), adapter, clock=clock)
        await limit.admit()
        handlers = LedgerConsumer(clock=clock, policy=policy)
        approvals = Consumer(
            bus, database, schema=SCHEMA, name="ledger-approvals", types=APPROVED, handler=handlers.on_approved
        )
        outcomes = Consumer(
            bus, database, schema=SCHEMA, name="ledger-outcomes", types=OUTCOMES, handler=handlers.on_outcome
        )
        sweeper = Sweeper(database, clock=clock, policy=policy)
        write_offs = WriteOffs(database, clock=clock)
        life = Life(database, clock=clock)
        waitlist = Waitlist(database, clock=clock)
        fencing = Fencing(database, adapter)
        checks = {"database": database.ping, "broker": bus.ping, "mint_limit": limit.check, "numbers": fencing.check}
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {
                "approvals": approvals.run,
                "outcomes": outcomes.run,
                "sweeper": sweeper.run,
                "write_offs": write_offs.run,
                "life": life.run,
                "waitlist": waitlist.run,
                "limit": limit.run,
                "recomputer": _recomputer(settings, database, clock).run,
                "sealer": _sealer(settings, database, clock).run,
                "anchorer": _anchorer(settings, database, adapter, clock).run,
                "supply": _supply(database, adapter, clock).run,
                "fence": fencing.run,
                "gauges": gauges(database, clock=clock).run,
                "probe": probe.run,
            }
            | ({} if (reconciling := reconciler(settings, database)) is None else {"reconciler": reconciling.run})
        )


def _sealer(settings: Settings, database: Database, clock: Clock) -> Leased:
    """Return the loop that chains and seals the books."""
    policy = SealPolicy(leaves_max=settings.seal_leaves_max, wait_max=timedelta(seconds=settings.seal_after_s))
    sealer = Sealer(database, clock=clock, policy=policy)
    return Leased(database, name=sealing.LEASE, holder=new_id("worker"), every_s=SEAL_EVERY_S, turn=sealer.turn)


def _anchorer(settings: Settings, database: Database, adapter: Adapter, clock: Clock) -> Leased:
    """Return the loop that has seals published on the chain."""
    policy = AnchorPolicy(every=timedelta(seconds=settings.anchor_every_s))
    turn = Anchorer(database, adapter, clock=clock, policy=policy).turn
    return Leased(database, name=anchoring.LEASE, holder=new_id("worker"), every_s=ANCHOR_LOOK_EVERY_S, turn=turn)


def _supply(database: Database, adapter: Adapter, clock: Clock) -> Leased:
    """Return the loop that books the token's supply."""
    turn = SupplyBooker(database, adapter, clock=clock).turn
    return Leased(database, name=SUPPLY_LEASE, holder=new_id("worker"), every_s=SUPPLY_LOOK_EVERY_S, turn=turn)


def reconciler(settings: Settings, database: Database) -> Reconciler | None:
    """Return the loop that has the ledger reconciled, None where this worker does not see to it.

    By the machine's clock, which dates the runs: by business time that was moved ahead one would always be due.
    """
    auditing = settings.auditing
    if auditing is None:
        return None
    return Reconciler(database, auditing, SystemClock(), holder=new_id("worker"))


def _recomputer(settings: Settings, database: Database, clock: Clock) -> Leased:
    """Return the loop that computes every balance anew, once a night."""
    holder = new_id("worker")
    recomputer = Recomputer(database, clock=clock, by=holder, hour=settings.recompute_hour)
    return Leased(database, name=trial.LEASE, holder=holder, every_s=LOOK_AT_CLOCK_EVERY_S, turn=recomputer.turn)
