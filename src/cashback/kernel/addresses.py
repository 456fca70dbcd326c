"""EVM addresses as people and programs read them: hexadecimal, with the checksum that the letters' case carries."""

from typing import Final

from Crypto.Hash import keccak

_UPPER_FROM: Final = 8
"""EIP-55: a letter is upper case where the hash of the lower-case address has a hexadecimal digit of at least 8."""


def keccak256(octets: bytes) -> bytes:
    """Return the 32 bytes of Ethereum's hash: Keccak as it was before it became SHA-3."""
    return bytes(keccak.new(data=octets, digest_bits=256).digest())


def checksum_address(address: str) -> str:
    """Return a well-formed address with its EIP-55 checksum, whatever the case of its letters was.

    >>> checksum_address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
    """
    digits = address[2:].lower()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= _UPPER_FROM else digit
        for digit, nibble in zip(digits, nibbles[: len(digits)], strict=True)
    )


def address_text(octets: bytes) -> str:
    """Return the 20 bytes of an address as they are written, with their EIP-55 checksum."""
    return checksum_address(f"0x{octets.hex()}")
