"""What the mint consumer publishes."""

from typing import Annotated, ClassVar

import msgspec

from cashback.events.catalogue import Body
from cashback.kernel.money import Amount

TxHash = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-f]{64}$(?!\n)")]


class TokenMinted(Body, frozen=True, kw_only=True):
    """The mint's log stands in a final block of the chain."""

    TYPE: ClassVar[str] = "token.minted"
    SOURCE: ClassVar[str] = "/cashback/minting"

    mint_number: Amount
    cashback_id: str
    token_units: Amount
    transaction_hash: TxHash
    block_number: Amount
    block_hash: TxHash


class TokenMintFailed(Body, frozen=True, kw_only=True):
    """The mint could not proceed; when it `will_retry` nobody need act, otherwise the cashback is stuck."""

    TYPE: ClassVar[str] = "token.mint.failed"
    SOURCE: ClassVar[str] = "/cashback/minting"

    mint_number: Amount
    cashback_id: str
    reason: str
    will_retry: bool
