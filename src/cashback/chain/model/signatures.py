"""What the adapter says of a signature: who has signed, on which chain, and as of which block."""

from typing import Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["owner", "contract", "invalid"]
"""The address's own key has signed; the contract at the address takes it for its own (ERC-1271); neither."""


class Judgement(msgspec.Struct, frozen=True):
    """A verdict on the chain that is served; `block_number` is 0 for the owner's signature, which needs no block."""

    verdict: Verdict
    chain_id: int
    block_number: int = 0
