"""Identifiers: a prefix that names the kind, and a UUIDv7 (RFC 9562) in 26 characters of Crockford base 32.

Example: `pur_01k9z3v6q8e2r9xw5t4c7m1n0p`. They are never used for ordering: two machines' clocks differ.
"""

import os
import re
import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_NOISE_BYTES: Final = 10
_NOISES: Final = 256
_BODY: Final = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")


def new_id(prefix: str) -> str:
    """Return a fresh id of the kind `prefix`; two calls never return the same one."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(_noise())
    number = milliseconds << 80 | 0x7 << 76 | (noise >> 68) << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    return f"{prefix}_{_base32(number)}"


def new_secret() -> str:
    """Return 256 bits that nobody can guess, as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def random_bytes(count: int) -> bytes:
    """Return bytes that nobody can guess: for keys and nonces."""
    return os.urandom(count)


def is_id(text: str, prefix: str) -> bool:
    """Tell whether `text` has the shape of an id of the kind `prefix`; it says nothing about existence."""
    kind, separator, body = text.partition("_")
    return separator == "_" and kind == prefix and _BODY.fullmatch(body) is not None


_drawn: Final[list[bytes]] = []
os.register_at_fork(after_in_child=_drawn.clear)


def _noise() -> bytes:
    """Return ten random bytes that nobody else is given; 256 of these are drawn from the system at a time.

    Asking for each took longer than all else an id takes. Taking from a list is one step, whichever thread does it.
    """
    try:
        return _drawn.pop()
    except IndexError:
        drawn = os.urandom(_NOISE_BYTES * _NOISES)
        *others, mine = [drawn[first : first + _NOISE_BYTES] for first in range(0, len(drawn), _NOISE_BYTES)]
        _drawn.extend(others)
        return mine


def _base32(number: int) -> str:
    """Return 130 bits as 26 characters, two at a time."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
