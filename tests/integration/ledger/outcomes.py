"""Outcomes after reversals: each time in another block, and what says that the one before is void."""

import msgspec

from cashback.events.minting import TokenMinted, TokenMintReverted
from tests.integration.ledger.world import World, minted_outcome

_BLOCKS_BETWEEN = 1_000


async def minted_after(world: World, cashback_id: str | None = None, *, reversals: int) -> TokenMinted:
    """Return the outcome that a cashback's mint is final after so many reversals; the first one after none."""
    first = await minted_outcome(world, cashback_id)
    block = int(first.block_number) + _BLOCKS_BETWEEN * reversals
    return msgspec.structs.replace(first, block_number=str(block), block_hash=f"0x{block:064x}", reversals=reversals)


async def reverted_outcome(world: World, cashback_id: str | None = None, *, reversals: int = 1) -> TokenMintReverted:
    """Return that the outcome is void which was told before this reversal, the first one unless said otherwise."""
    void = await minted_after(world, cashback_id, reversals=reversals - 1)
    return TokenMintReverted(
        mint_number=void.mint_number,
        cashback_id=void.cashback_id,
        transaction_hash=void.transaction_hash,
        block_number=void.block_number,
        block_hash=void.block_hash,
        reversals=reversals,
    )
