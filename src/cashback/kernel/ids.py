"""Identifiers: a prefix that names the kind, and a UUIDv7 (RFC 9562) in 26 characters of Crockford base 32.

Example: `pur_01k9z3v6q8e2r9xw5t4c7m1n0p`. They are never used for ordering: two machines' clocks differ.
"""

import os
import re
import secrets
import time
from functools import lru_cache
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_DRAWN_AT_ONCE: Final = 256
_TAIL: Final = 16
"""So many of an id's 26 characters are random; the other ten are the time, two bits of padding before it."""

_BODY: Final = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")

_RANDOM: Final = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))
_VERSION: Final = bytes(ord(_ALPHABET[0b01110 | byte & 1]) for byte in range(256))
_VARIANT: Final = bytes(ord(_ALPHABET[0b01000 | byte << 2 & 0b10000 | byte & 0b00011]) for byte in range(256))
"""A character for each byte drawn: any; the first of the tail, with version 7; the fourth, with the variant."""


def new_id(prefix: str) -> str:
    """Return a fresh id of the kind `prefix`; two calls never return the same one."""
    return f"{prefix}_{_instant(time.time_ns() // 1_000_000)}{_tail()}"


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


_drawn: Final[list[str]] = []
os.register_at_fork(after_in_child=_drawn.clear)


def _tail() -> str:
    """Return the random end of an id, which nobody else is given; 256 of these are drawn from the system at a time.

    Asking for each took longer than all else an id takes. Taking from a list is one step, whichever thread does it.
    """
    try:
        return _drawn.pop()
    except IndexError:
        *others, mine = _tails(os.urandom(_TAIL * _DRAWN_AT_ONCE))
        _drawn.extend(others)
        return mine


def _tails(noise: bytes) -> list[str]:
    """Return an end for each 16 bytes: the low bits of a byte are those of its character that are left to chance."""
    letters = bytearray(noise.translate(_RANDOM))
    letters[0::_TAIL] = noise[0::_TAIL].translate(_VERSION)
    letters[3::_TAIL] = noise[3::_TAIL].translate(_VARIANT)
    text = letters.decode()
    return [text[first : first + _TAIL] for first in range(0, len(text), _TAIL)]


@lru_cache(maxsize=8)
def _instant(milliseconds: int) -> str:
    """Return 48 bits of time as ten characters, two at a time; many ids are made in a millisecond."""
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])
