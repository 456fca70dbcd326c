"""How deep a body's brackets are nested, found without decoding it: a stranger's may be as deep as it is long.

body ──a piece at a time──▶ what stands outside of texts ──▶ brackets ──▶ how deep
                                                        └──▶ colons between two brackets ──▶ names of one object
"""

import re
from itertools import accumulate
from typing import Final

from cashback.kernel.http.turns import Steps, at_once

BRACKETS_MAX: Final = 110_000
"""A bulk that is as large as any may be has 102,002."""

NAMES_MAX: Final = 20_000
"""How many members in a row, none of which has parts, an object may have; the largest has 20 or so."""

_PIECE_BYTES: Final = 2**16
_NO_SIGNS: Final = bytes(set(range(256)) - set(b"[]{}:"))
_BRACKETS: Final = re.compile(rb"[\[\]{}]+")
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def depth_of(body: bytes) -> int:
    """Return how deep the brackets of a body are nested, as far as it is well-formed; those within texts are none.

    Of a body with more brackets, or members in a row, than anybody sound writes it is how many it has.
    """
    return at_once(depth_in_turns(body))


def depth_in_turns(body: bytes) -> Steps[int]:
    """Return what `depth_of` does, step by step."""
    count = body.count(b"[") + body.count(b"{")
    if count > BRACKETS_MAX:
        return count
    if b"\\" in body:
        # What stands behind a backslash ends no text.
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    level = deepest = names = most = outside = 0
    for start in range(0, len(body), _PIECE_BYTES):
        yield
        parts = body[start : start + _PIECE_BYTES].split(b'"')
        signs = b"".join(parts[outside::2]).translate(None, _NO_SIGNS)
        # Of an odd number of quotation marks the last begins a text that goes on, or ends the one that went on.
        outside ^= (len(parts) - 1) % 2
        *rows, last = _BRACKETS.split(signs)
        if rows:
            most = max(most, names + len(rows[0]), *map(len, rows))
            names = 0
        names += len(last)
        levels = [*accumulate(map(_STEPS.__getitem__, signs.replace(b":", b"")), initial=level)]
        level, deepest = levels[-1], max(deepest, *levels)
    most = max(most, names)
    return most if most > NAMES_MAX else deepest
