"""Names for bytes and numbers of a chain."""

from typing import Final, NewType

Address = NewType("Address", bytes)
"""20 bytes."""

Hash = NewType("Hash", bytes)
"""32 bytes: of a block or of a transaction."""

ZERO_ADDRESS: Final = Address(bytes(20))

BATCH_MINTS_MAX: Final = 256
"""The most entries that the contract takes in one call (`CashbackToken.MAX_BATCH`)."""

GAS_PER_TRANSACTION_MAX: Final = 16_777_216
"""Limit of EIP-7825 on the gas of one transaction."""
