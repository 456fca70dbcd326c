"""A value as a person reads it in a cell or beside its name; `cashback.cli.output` lays it out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from cashback.kernel.instants import as_told

_FLAT: Final = (str, int, float, datetime, Enum, type(None))
"""What has no parts; a flag is an `int`."""

_encoder: Final = msgspec.json.Encoder(enc_hook=str)


def as_text(value: object) -> str:
    """Return a value as a person reads it; nothing is an empty text.

    >>> as_text(True), as_text(None), as_text(["token.minted", "purchase.refunded"]), as_text({"days": 30, "cap": None})
    ('yes', '', 'token.minted, purchase.refunded', 'days: 30')

    What has parts within its parts is told as JSON, which says where each of them ends.

    >>> as_text({"earns": {"kind": "percent", "rate_bps": 100}})
    '{"earns":{"kind":"percent","rate_bps":100}}'
    """
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case Enum():
            text = str(value.value)
        case datetime():
            text = as_told(value)
        case bytes():
            text = f"0x{value.hex()}"
        case Mapping() if _are_flat(value.values()):
            text = ", ".join(f"{name}: {as_text(part)}" for name, part in value.items() if part is not None)
        case list() | tuple() | set() | frozenset() if _are_flat(value):
            text = ", ".join(as_text(part) for part in value)
        case Mapping() | list() | tuple() | set() | frozenset() | msgspec.Struct():
            text = _encoder.encode(value).decode()
        case _:
            text = str(value)
    return text


def _are_flat(parts: Iterable[object]) -> bool:
    """Tell whether none of the parts has parts of its own."""
    return all(isinstance(part, _FLAT) for part in parts)
