"""What handlers ask for, by the names that they ask by: each subject gives its part, made of the same parts."""

from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.sealing import Seal
from cashback.ledger.gateway import Adapter
from cashback.processes.api.wiring.ledger import BACKTEST_CHUNK, ledger_services
from cashback.processes.api.wiring.parts import parts_over
from cashback.processes.api.wiring.people import people_services
from cashback.processes.api.wiring.purchases import purchase_services
from cashback.processes.api.wiring.webhooks import endpoints_by, webhook_services
from cashback.purchases.model.ownership import OwnershipPolicy
from cashback.purchases.service import Purchases
from cashback.webhooks.service.endpoints import Endpoints

NO_PROOFS: Final = OwnershipPolicy()

__all__ = ["BACKTEST_CHUNK", "endpoints_by", "services_over"]


def services_over(  # each named where it is called
    database: Database,
    adapter: Adapter,
    purchases: Purchases,
    *,
    clock: Clock,
    endpoints: Endpoints,
    ownership: OwnershipPolicy = NO_PROOFS,
    seal: Seal | None = None,
) -> dict[str, object]:
    """Return every service, by name; without `ownership` wallets prove nothing, without `seal` it is this process's."""
    parts = parts_over(
        database, adapter, purchases, clock=clock, endpoints=endpoints, ownership=ownership, seal=seal or Seal.fresh()
    )
    return {**purchase_services(parts), **people_services(parts), **ledger_services(parts), **webhook_services(parts)}
