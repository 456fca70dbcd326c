"""Mints as an adapter without a chain knows and tells them."""

from hashlib import sha256

import msgspec

from cashback.kernel.money import INT63_MAX
from cashback.wire.cashback.chain import v1


class Known(msgspec.Struct, frozen=True):
    """What was accepted under a number."""

    cashback_id: str
    recipient: bytes
    amount: int


def invalidity(mint: v1.Mint) -> str | None:
    """Return the stable code of why an entry can never be minted."""
    if not 0 < mint.number <= INT63_MAX:
        return "number_out_of_range"
    if not 0 < mint.amount <= INT63_MAX:
        return "amount_out_of_range"
    return None if any(mint.recipient) else "recipient_zero"


def minted(number: int, known: Known, block_number: int) -> v1.Outcome:
    """Return the outcome of a mint; its hashes are those of its number and block."""
    return v1.Outcome(
        kind=v1.OutcomeKind.MINTED,
        number=number,
        cashback_id=known.cashback_id,
        recipient=known.recipient,
        amount=known.amount,
        transaction_hash=sha256(f"transaction of {number}".encode()).digest(),
        block_number=block_number,
        block_hash=sha256(f"block {block_number}".encode()).digest(),
    )
