"""Every durable consumer of this system: what its workers create when they start, told for whoever compares.

A worker names its own (`ledger_worker`, `mint_worker`, `webhook_worker`) and loads no other context; a test holds this
list against the consumers of a running system.
"""

from collections.abc import Mapping
from typing import Final

from cashback.kernel.bus.durable import Durable
from cashback.ledger.consumer import APPROVED, OUTCOMES
from cashback.minting import consumer as minting
from cashback.webhooks import consumer as webhooks

BY_WORKER: Final[Mapping[str, tuple[Durable, ...]]] = {
    "worker ledger": (Durable("ledger-approvals", APPROVED), Durable("ledger-outcomes", OUTCOMES)),
    "worker mint": (Durable(minting.NAME, minting.TYPES),),
    "worker webhooks": (Durable(webhooks.NAME, webhooks.TYPES),),
}
"""Those of each worker, by the verb that starts it."""

DURABLES: Final = tuple(one for durables in BY_WORKER.values() for one in durables)
