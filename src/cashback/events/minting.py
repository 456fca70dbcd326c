"""What the mint consumer publishes."""

from typing import Annotated, ClassVar

import msgspec

from cashback.events.catalogue import Body
from cashback.kernel.money import Amount

Count = Annotated[int, msgspec.Meta(ge=0)]
TxHash = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-f]{64}$(?!\n)")]


class TokenMinted(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The mint's log stands in a final block of the chain.

    `reversals` is how often an outcome of the mint was taken back before; of two outcomes the one with more came later.
    """

    TYPE: ClassVar[str] = "token.minted"
    SOURCE: ClassVar[str] = "/cashback/minting"

    mint_number: Amount
    cashback_id: str
    token_units: Amount
    transaction_hash: TxHash
    block_number: Amount
    block_hash: TxHash
    reversals: Count = 0


class TokenMintFailed(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The mint could not proceed; when it `will_retry` nobody need act, otherwise the cashback is stuck.

    `reversals` as in `TokenMinted`.
    """

    TYPE: ClassVar[str] = "token.mint.failed"
    SOURCE: ClassVar[str] = "/cashback/minting"

    mint_number: Amount
    cashback_id: str
    reason: str
    will_retry: bool
    reversals: Count = 0


class TokenMintReverted(Body, frozen=True, kw_only=True):
    """What was told of the mint is void: the final block where that stood was replaced. Another outcome will follow.

    `reversals` is how often that has happened, this time included.
    """

    TYPE: ClassVar[str] = "token.mint.reverted"
    SOURCE: ClassVar[str] = "/cashback/minting"

    mint_number: Amount
    cashback_id: str
    transaction_hash: TxHash
    block_number: Amount
    block_hash: TxHash
    reversals: Annotated[int, msgspec.Meta(ge=1)]
