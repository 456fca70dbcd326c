"""Wallet addresses: 20 bytes in hexadecimal, with the checksum that their letters' case carries (EIP-55)."""

import re
from typing import Final

from cashback.kernel.addresses import checksum_address

_SHAPE: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_ZERO: Final = "0x" + 40 * "0"


def is_wallet(text: str) -> bool:
    """Tell whether `text` is an address with its EIP-55 checksum, and not the zero address, which nobody owns."""
    return _SHAPE.fullmatch(text) is not None and text != _ZERO and text == checksum_address(text)
