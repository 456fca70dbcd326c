"""The asynchronous contracts: what is published, by whom, in which words; one module per publisher.

| event                  | publisher | meaning                                               |
|------------------------|-----------|-------------------------------------------------------|
| `purchase.created`     | purchases | a purchase was recorded                               |
| `purchase.refunded`    | purchases | something of it was returned                          |
| `cashback.approved`    | ledger    | its cashback was calculated and granted, hold passed  |
| `token.mint.requested` | ledger    | number, recipient and amount are frozen; mint it      |
| `token.minted`         | minting   | the mint is final on the chain                        |
| `token.mint.failed`    | minting   | it cannot proceed; says whether it is retried         |
| `token.mint.reverted`  | minting   | its final block was replaced; what was told is void   |

Data is the JSON of a frozen struct, its fields in their declared order; amounts are decimal strings, times RFC 3339
UTC. A field is only ever added, with a default; anything else is a new version of the type.
"""

from cashback.events.catalogue import Body, decode, to_event

__all__ = ["Body", "decode", "to_event"]
