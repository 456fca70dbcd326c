"""Single values on the wire, read strictly."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32
DIGITS_MAX: Final = 78
"""Of 2^256 - 1, the most that a contract can answer."""


def address(data: bytes) -> str:
    """Return an address on the wire as people write it; see `octets`."""
    return "0x" + octets(data, ADDRESS_BYTES).hex()


def hash_text(data: bytes) -> str:
    """Return a hash on the wire as people write it; see `octets`."""
    return "0x" + octets(data, HASH_BYTES).hex()


def octets(data: bytes, length: int) -> bytes:
    """Return bytes on the wire as they are.

    Raises:
        ValueError: they are more or fewer than `length`.
    """
    if len(data) != length:
        raise ValueError(f"{length} bytes were expected, not {len(data)}")
    return data


def digits(text: str) -> str:
    """Return a whole number on the wire as it stands.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise ValueError(f"{text!r:.100} is no whole number")
    return text


def instant(milliseconds: int) -> datetime | None:
    """Return an instant on the wire as a time; 0 stands for not reached.

    Raises:
        OverflowError: no calendar reaches that far.
    """
    return EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None
