"""What the mint consumer publishes."""

from typing import Annotated, ClassVar

from msgspec import Meta

from cashback.events.catalogue import Body
from cashback.events.fields import (
    BlockHash,
    BlockNumber,
    CashbackId,
    MintNumber,
    Reversals,
    TokenUnitsText,
    TransactionHash,
)


class TokenMinted(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The mint's log stands in a final block of the chain.

    `reversals` is how often an outcome of the mint was taken back before; of two outcomes the one with more came later.
    """

    TYPE: ClassVar[str] = "token.minted"
    SOURCE: ClassVar[str] = "/cashback/minting"
    KEY: ClassVar[str] = "cashback_id"

    mint_number: MintNumber
    cashback_id: CashbackId
    token_units: TokenUnitsText
    transaction_hash: TransactionHash
    block_number: BlockNumber
    block_hash: BlockHash
    reversals: Reversals = 0


class TokenMintFailed(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The mint could not proceed; when it `will_retry` nobody need act, otherwise the cashback is stuck.

    `reversals` as in `TokenMinted`.
    """

    TYPE: ClassVar[str] = "token.mint.failed"
    SOURCE: ClassVar[str] = "/cashback/minting"
    KEY: ClassVar[str] = "cashback_id"

    mint_number: MintNumber
    cashback_id: CashbackId
    reason: Annotated[str, Meta(description="Why, a stable code such as `recipient_invalid`.")]
    will_retry: Annotated[bool, Meta(description="Whether it goes on by itself; otherwise a person must act.")]
    reversals: Reversals = 0


class TokenMintReverted(Body, frozen=True, kw_only=True):
    """What was told of the mint is void: the final block where that stood was replaced. Another outcome will follow.

    `reversals` is how often that has happened, this time included.
    """

    TYPE: ClassVar[str] = "token.mint.reverted"
    SOURCE: ClassVar[str] = "/cashback/minting"
    KEY: ClassVar[str] = "cashback_id"

    mint_number: MintNumber
    cashback_id: CashbackId
    transaction_hash: TransactionHash
    block_number: BlockNumber
    block_hash: BlockHash
    reversals: Annotated[int, Meta(ge=1, description="How often that has happened, this time included.")]
