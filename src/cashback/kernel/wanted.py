"""What a setting must be, in words: of which type, in which unit, between which bounds; nothing of what is there.

    Annotated[int, Meta(ge=150, le=4_000)], `..._ms`    a whole number of milliseconds from 150 to 4000
    Annotated[int, Meta(ge=1, le=5)] | Literal["auto"]  a whole number from 1 to 5, or auto
    Annotated[tuple[HttpUrl, ...], Meta(max_length=8)]  a list of at most 8, separated by commas
    Literal["debug", "info"]                            debug or info

Numbers are written as a setting takes them, without marks between thousands.
"""

import math
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Final, Literal, Union, get_args, get_origin

import msgspec

UNIT: Final = "unit"
"""The name under which a type's `Meta.extra` says its unit, where the field's name does not."""

_UNITS: Final[Mapping[str, str]] = {
    "_ms": "milliseconds",
    "_s": "seconds",
    "_days": "days",
    "_wei": "wei",
    "_bytes_max": "bytes",
    "_blocks": "blocks",
    "_gas": "gas",
}
"""By the end of a field's name: units stand last."""
_NUMBERS: Final[Mapping[object, str]] = {int: "whole number", float: "number"}


def bare_of(kind: object) -> object:
    """Return a type without what is noted beside it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def unit_of(name: str, kind: object) -> str:
    """Return the unit that a field is in, by its type or by its name; empty when neither says one.

    >>> unit_of("poll_ms", int)
    'milliseconds'
    """
    named = (_meta(kind).extra or {}).get(UNIT)
    return str(named or next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), ""))


def wanted(kind: object, *, unit: str = "") -> str:
    """Return in words what a text must be for this type.

    >>> wanted(Annotated[int, msgspec.Meta(ge=7, le=3_650)], unit="days")
    'a whole number of days from 7 to 3650'
    """
    bare, meta = bare_of(kind), _meta(kind)
    origin = get_origin(bare)
    if origin in {Union, UnionType}:
        return ", or ".join(wanted(one, unit=unit) for one in get_args(bare))
    if origin is Literal:
        return " or ".join(map(str, get_args(bare)))
    if origin is tuple:
        return f"a list{_of_so_many(meta)}, separated by commas"
    if bare is bool:
        return "true or false"
    if bare not in _NUMBERS:
        return "a text"
    return f"a {_NUMBERS[bare]}{f' of {unit}' if unit else ''}{_from_to(meta)}"


def difference(text: str, kind: object) -> str:
    """Return how what is there differs from the number that is wanted, to be added to that; empty of other types.

    >>> difference("0", Annotated[int, msgspec.Meta(ge=1)])
    ', and is less'
    >>> difference("007", Annotated[int, msgspec.Meta(ge=1)])
    ', and is not written as one'
    """
    bare, meta = bare_of(kind), _meta(kind)
    if bare not in _NUMBERS:
        return ""
    try:
        number = int(text) if bare is int else float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number) or not text.isascii() or "_" in text:
        return f", and is no {_NUMBERS[bare]}"
    if meta.ge is not None and number < meta.ge:
        return ", and is less"
    return ", and is more" if meta.le is not None and number > meta.le else ", and is not written as one"


def _meta(kind: object) -> msgspec.Meta:
    """Return the bounds that are noted beside a type; without any, those of nothing."""
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((note for note in notes if isinstance(note, msgspec.Meta)), msgspec.Meta())


def _from_to(meta: msgspec.Meta) -> str:
    """Return the bounds of a number."""
    if meta.ge is None:
        return "" if meta.le is None else f" up to {meta.le}"
    return f" from {meta.ge} {'on' if meta.le is None else f'to {meta.le}'}"


def _of_so_many(meta: msgspec.Meta) -> str:
    """Return the bounds of a list."""
    if meta.max_length is None:
        return ""
    return f" of {meta.min_length} to {meta.max_length}" if meta.min_length else f" of at most {meta.max_length}"
