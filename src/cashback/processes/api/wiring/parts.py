"""What services are made of: one of each for the whole process."""

import msgspec

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.sealing import Seal
from cashback.ledger.gateway import Adapter
from cashback.ledger.service import MintLimit, Readings, Stories
from cashback.processes.webhooks_once import WEBHOOK_REBUILDERS
from cashback.purchases.model.ownership import OwnershipPolicy
from cashback.purchases.service import REBUILDERS, Orders, People, Purchases
from cashback.webhooks.service.endpoints import Endpoints


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The world, and the services that others are made of."""

    database: Database
    adapter: Adapter
    clock: Clock
    endpoints: Endpoints
    purchases: Purchases
    people: People
    orders: Orders
    readings: Readings
    stories: Stories
    mint_limit: MintLimit
    ownership: OwnershipPolicy
    seal: Seal


def parts_over(
    database: Database,
    adapter: Adapter,
    purchases: Purchases,
    *,
    clock: Clock,
    endpoints: Endpoints,
    ownership: OwnershipPolicy,
    seal: Seal,
) -> Parts:
    """Return them; nothing is connected to for it."""
    readings = Readings(database)
    return Parts(
        database=database,
        adapter=adapter,
        clock=clock,
        endpoints=endpoints,
        purchases=purchases,
        people=People(database, clock=clock, cooldown_s=ownership.cooldown_s),
        orders=Orders(database, clock=clock, rebuilders={**REBUILDERS, **WEBHOOK_REBUILDERS}),
        readings=readings,
        stories=Stories(readings, adapter),
        mint_limit=MintLimit(readings, adapter, clock=clock),
        ownership=ownership,
        seal=seal,
    )
