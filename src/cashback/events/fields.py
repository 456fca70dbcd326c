"""The fields of events that mean the same in each: what each is, in the words of the published schemas.

Descriptions are part of the documents alone: no reader checks them. Patterns are checked, so that none may ever be
added to a field that was published without (docs/adr/0053-events-in-versions.md).
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from cashback.kernel.money import AMOUNT_PATTERN, Amount

ADDRESS_PATTERN: Final = r"^0x[0-9a-fA-F]{40}$(?!\n)"
HASH_PATTERN: Final = r"^0x[0-9a-f]{64}$(?!\n)"
FORMS: Final = {
    AMOUNT_PATTERN: "decimal string",
    ADDRESS_PATTERN: "string, `0x` and 40 hexadecimal digits",
    HASH_PATTERN: "string, `0x` and 64 hexadecimal digits",
}
"""What a string of each pattern looks like, in the words of docs/events.md."""

Address: TypeAlias = Annotated[str, Meta(pattern=ADDRESS_PATTERN)]
"""A 20-byte EVM address in hexadecimal (EIP-55 checksum when written by us)."""

Hash: TypeAlias = Annotated[str, Meta(pattern=HASH_PATTERN)]
"""The hash of a transaction or of a block."""

PurchaseId: TypeAlias = Annotated[str, Meta(description="The purchase, `pur_...`.")]
MerchantId: TypeAlias = Annotated[str, Meta(description="The merchant where it was bought, `mer_...`.")]
UserId: TypeAlias = Annotated[str, Meta(description="The customer, `usr_...`.")]
PurchaseReference: TypeAlias = Annotated[
    str | None, Meta(description="The merchant's own name of the purchase, such as the number of an order.")
]
CashbackId: TypeAlias = Annotated[str, Meta(description="The cashback, `cb_...`.")]
RefundId: TypeAlias = Annotated[str, Meta(description="The refund, `rfd_...`.")]
RefundReference: TypeAlias = Annotated[str | None, Meta(description="The merchant's own name of the refund.")]
Currency: TypeAlias = Annotated[str, Meta(description="The currency of `amount_minor`, a code of ISO 4217.")]
PurchaseOrNone: TypeAlias = Annotated[
    str | None, Meta(description="The purchase it was granted for; null when a person granted it, for none.")
]
MintNumber: TypeAlias = Annotated[Amount, Meta(description="The number of the mint, given out once and never again.")]
TokenUnitsText: TypeAlias = Annotated[Amount, Meta(description="How much, in base units of the token: 10^-6 of one.")]
BlockNumber: TypeAlias = Annotated[Amount, Meta(description="The number of the block that holds the mint's log.")]
BlockHash: TypeAlias = Annotated[Hash, Meta(description="The hash of that block.")]
TransactionHash: TypeAlias = Annotated[Hash, Meta(description="The transaction that minted.")]
Reversals: TypeAlias = Annotated[
    int,
    Meta(
        ge=0,
        description=(
            "How often an outcome of the mint was taken back before; of two outcomes the one with more came later."
        ),
    ),
]
