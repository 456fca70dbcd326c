"""Every durable consumer of this system: what its workers create when they start, told for whoever compares.

A worker names its own (`ledger_worker`, `mint_worker`, `webhook_worker`) and loads no other context; a test holds this
list against the consumers of a running system.
"""

from typing import Final

from cashback.kernel.bus.durable import Durable
from cashback.ledger.consumer import APPROVED, OUTCOMES
from cashback.minting import consumer as minting
from cashback.webhooks import consumer as webhooks

DURABLES: Final = (
    Durable("ledger-approvals", APPROVED),
    Durable("ledger-outcomes", OUTCOMES),
    Durable(minting.NAME, minting.TYPES),
    Durable(webhooks.NAME, webhooks.TYPES),
)
