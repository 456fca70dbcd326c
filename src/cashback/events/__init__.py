"""The asynchronous contracts: what is published, by whom, in which words; one module per publisher.

| event                  | publisher | meaning                                               |
|------------------------|-----------|-------------------------------------------------------|
| `purchase.created`     | purchases | a purchase was recorded                               |
| `purchase.refunded`    | purchases | something of it was returned                          |
| `cashback.approved`    | ledger    | its cashback was calculated and granted, hold passed  |
| `cashback.voided`      | ledger    | it ended before its mint was requested                |
| `cashback.expired`     | ledger    | it waited for a wallet for too long                   |
| `token.mint.requested` | ledger    | number, recipient and amount are frozen; mint it      |
| `token.minted`         | minting   | the mint is final on the chain                        |
| `token.mint.failed`    | minting   | it cannot proceed; says whether it is retried         |
| `token.mint.reverted`  | minting   | its final block was replaced; what was told is void   |

Data is the JSON of a frozen struct, its fields in their declared order; amounts are decimal strings, times RFC 3339
UTC. A field is only ever added, with a default; anything else is a new version of the type, a struct of its own that
names the version before it (`catalogue.Upcaster`). `documents` makes the published schemas of them.
"""

from typing import Final

from cashback.events.catalogue import Body, EventUnreadable, Upcaster, decode, to_event
from cashback.events.ledger import CashbackApproved, CashbackExpired, CashbackVoided, TokenMintRequested
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.events.purchases import PurchaseCreated, PurchaseRefunded

KINDS: Final[tuple[type[Body], ...]] = (
    PurchaseCreated,
    PurchaseRefunded,
    CashbackApproved,
    CashbackVoided,
    CashbackExpired,
    TokenMintRequested,
    TokenMinted,
    TokenMintFailed,
    TokenMintReverted,
)
"""The newest version of every type, in the order of a purchase's life."""

__all__ = ["KINDS", "Body", "EventUnreadable", "Upcaster", "decode", "to_event"]
