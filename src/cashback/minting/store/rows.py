"""How a row of `minting.mints` becomes a `Mint`; every reader names the same columns in the same order."""

from collections.abc import Sequence
from typing import Any, Final

from cashback.kernel.money import TokenUnits
from cashback.minting.model import Inclusion, Mint, MintState

COLUMNS: Final = """
    mints.number, mints.cashback_id, mints.recipient, mints.amount, mints.fingerprint, mints.state,
    mints.submit_attempts, mints.requested_at, mints.submit_after, mints.accepted_at, mints.decided_at,
    mints.transaction_hash, mints.block_number, mints.block_hash, mints.reason, mints.traceparent,
    mints.reversals
"""


def to_mint(row: Sequence[Any]) -> Mint:
    """Return the mint in a row of `COLUMNS`."""
    transaction_hash, block_number, block_hash = row[11:14]
    return Mint(
        number=row[0],
        cashback_id=row[1],
        recipient=row[2],
        amount=TokenUnits(row[3]),
        fingerprint=row[4],
        state=MintState(row[5]),
        submit_attempts=row[6],
        requested_at=row[7],
        submit_after=row[8],
        accepted_at=row[9],
        decided_at=row[10],
        inclusion=None if transaction_hash is None else Inclusion(transaction_hash, block_number, block_hash),
        reason=row[14],
        traceparent=row[15],
        reversals=row[16],
    )
