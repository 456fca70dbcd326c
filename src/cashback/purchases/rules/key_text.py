"""What the text of an API key looks like: whose it is, its id, its secret, and six characters that notice a typo.

    cbk_mer_ 01k9z3v6q8e2r9xw5t4c7m1n0p _ Vb0K...  3jZRME         without the blanks
    kind     id, without its `key_`       secret   CRC-32 of all before, in base 62
             26 characters                43       6

The beginning is what those look for who search what was published for secrets. The checksum keeps nobody out: it
spares a look-up for what was cut off or mistyped. Keys of before are `key_<id>.<secret>`, and go on.
"""

import re
import zlib
from typing import Final

from cashback.kernel.ids import is_id

_KINDS: Final = {"operator": "op", "merchant": "mer"}
_ID: Final = "key"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM_LENGTH: Final = 6
_TEXT: Final = re.compile(r"cbk_(?:op|mer)_([0-9a-z]{26})_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}")
_SEPARATOR_BEFORE: Final = "."


def key_text(key_id: str, *, kind: str, secret: str) -> str:
    """Return the text that whoever holds the key presents; `secret` is of 43 characters."""
    body = f"cbk_{_KINDS[kind]}_{key_id.removeprefix(f'{_ID}_')}_{secret}"
    return body + _checksum(body)


def id_in_text(text: str) -> str | None:
    """Return the id of the key that a text is of, None when it is of none: there is nothing to be looked up."""
    found = _TEXT.fullmatch(text)
    if found is None:
        key_id, separator, _ = text.partition(_SEPARATOR_BEFORE)
        return key_id if separator and is_id(key_id, _ID) else None
    key_id = f"{_ID}_{found[1]}"
    is_whole = text[-_CHECKSUM_LENGTH:] == _checksum(text[:-_CHECKSUM_LENGTH])
    return key_id if is_whole and is_id(key_id, _ID) else None


def _checksum(body: str) -> str:
    """Return the CRC-32 (ISO 3309) of a text, in base 62.

    >>> _checksum("123456789")
    '3jZRME'
    """
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
