"""What minting publishes about a mint, every time it is asked under a new event id."""

from datetime import datetime

from cashback.events import to_event
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.kernel.outbox import Event
from cashback.minting.model import Inclusion, Mint, MintRequest


def outcome_event(mint: Mint, *, time: datetime) -> Event:
    """Return the event of a decided mint; repeating it is safe, since its readers go by the number."""
    if mint.inclusion is None:
        return failure_event(mint, reason=mint.reason or "", time=time)
    body = TokenMinted(
        mint_number=str(mint.number),
        cashback_id=mint.cashback_id,
        token_units=str(mint.amount),
        transaction_hash=f"0x{mint.inclusion.transaction_hash.hex()}",
        block_number=str(mint.inclusion.block_number),
        block_hash=f"0x{mint.inclusion.block_hash.hex()}",
        reversals=mint.reversals,
    )
    return to_event(body, time=time, traceparent=mint.traceparent)


def failure_event(wish: Mint | MintRequest, *, reason: str, time: datetime) -> Event:
    """Return the event that a cashback is stuck: a person must act."""
    body = TokenMintFailed(
        mint_number=str(wish.number),
        cashback_id=wish.cashback_id,
        reason=reason,
        will_retry=False,
        reversals=wish.reversals if isinstance(wish, Mint) else 0,
    )
    return to_event(body, time=time, traceparent=wish.traceparent)


def reverted_event(mint: Mint, place: Inclusion, *, time: datetime) -> Event:
    """Return the event that what was told of a mint is void, since the block at `place` was replaced."""
    body = TokenMintReverted(
        mint_number=str(mint.number),
        cashback_id=mint.cashback_id,
        transaction_hash=f"0x{place.transaction_hash.hex()}",
        block_number=str(place.block_number),
        block_hash=f"0x{place.block_hash.hex()}",
        reversals=mint.reversals,
    )
    return to_event(body, time=time, traceparent=mint.traceparent)
