"""Arrays on their way to PostgreSQL: a set-based statement takes its rows as arrays, and a batch sends some 75 of them.

    "unnest(%(ids)b::text[])", {"ids": [...]} ──▶ the statement says of which type each is ──▶ written by functions in C

psycopg finds out of what type a list is by looking at each item, and writes one item after the other in Python; in the
transaction that records purchases that took longer than everything else it did with the database. What cannot be
written as what the statement says is left to psycopg, and so to the server, which say what is wrong with it.
"""

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import chain, repeat
from typing import Any, Final, TypeAlias

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

STATEMENTS_KEPT: Final = 1_024
"""Of how many statements the arrays' types are remembered; there are fewer."""

Items: TypeAlias = Callable[[list[Any]], Iterable[bytes]]
"""Writes items of one type, each behind its length."""

_ARRAY: Final = re.compile(r"%\((\w+)\)b::(\w+)\[\]")
_HEAD: Final = struct.Struct("!iiIii")
"""Dimensions, whether there is a null, the items' type, how many, and the number of the first."""
_EMPTY: Final = struct.Struct("!iiI")
_LENGTH: Final = struct.Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_BOOLEANS: Final = {False: _LENGTH.pack(1) + b"\0", True: _LENGTH.pack(1) + b"\1"}
_INSTANT: Final = struct.Struct("!iq")
_INSTANTS_BEGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UNFIT: Final = (AttributeError, KeyError, OverflowError, TypeError, ValueError, struct.error)


class Packed(bytes):
    """An array as the server reads it, which takes it for what the statement casts it to."""


class _PackedDumper(Dumper):
    """Sends what is packed as it is."""

    format = Format.BINARY

    def dump(self, obj: Packed) -> Packed:
        """Return it."""
        return obj


def register(context: AdaptContext) -> None:
    """Have a connection send what is packed."""
    context.adapters.register_dumper(Packed, _PackedDumper)


def packed(statement: str | bytes, values: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values of a statement, its lists written as the arrays that it says they are; ours are all `str`."""
    if isinstance(statement, bytes) or not (kinds := _kinds(statement)):
        return values
    lists = ((name, values[name], kind) for name, kind in kinds)
    return {**values, **{name: _packed(value, kind) for name, value, kind in lists if isinstance(value, list)}}


@lru_cache(maxsize=STATEMENTS_KEPT)
def _kinds(statement: str) -> tuple[tuple[str, str], ...]:
    """Return the names of a statement's arrays, each with the type of its items."""
    kinds: dict[str, set[str]] = {}
    for name, kind in _ARRAY.findall(statement):
        kinds.setdefault(name, set()).add(kind)
    return tuple((name, min(found)) for name, found in kinds.items() if len(found) == 1 and found <= _ITEMS.keys())


def _packed(values: list[Any], kind: str) -> object:
    """Return a list as an array of one dimension, or as it is where it is none of that type."""
    oid, items = _ITEMS[kind]
    if not values:
        return Packed(_EMPTY.pack(0, 0, oid))
    has_null = None in values
    try:
        written = _with_nulls(values, items) if has_null else items(values)
        return Packed(b"".join(chain((_HEAD.pack(1, has_null, oid, len(values), 1),), written)))
    except _UNFIT:
        return values


def _with_nulls(values: list[Any], items: Items) -> Iterable[bytes]:
    """Return items, some of which are null."""
    written = iter(items([value for value in values if value is not None]))
    return (_NULL if value is None else next(written) for value in values)


def _numbers(form: str, size: int, values: list[Any]) -> Iterable[bytes]:
    """Return whole numbers of so many bytes."""
    return map(struct.Struct(form).pack, repeat(size), values)


def _blobs(values: Iterable[bytes]) -> Iterable[bytes]:
    """Return what has a length of its own."""
    return (_LENGTH.pack(len(value)) + value for value in values)


def _texts(values: list[Any]) -> Iterable[bytes]:
    """Return texts in UTF-8."""
    return _blobs(map(str.encode, values))


def _instants(values: list[Any]) -> Iterable[bytes]:
    """Return instants, which the server counts in microseconds."""
    return (_INSTANT.pack(8, (value - _INSTANTS_BEGIN) // _MICROSECOND) for value in values)


def _booleans(values: list[Any]) -> Iterable[bytes]:
    """Return truths."""
    return map(_BOOLEANS.__getitem__, values)


_ITEMS: Final[Mapping[str, tuple[int, Items]]] = {
    "boolean": (16, _booleans),
    "bytea": (17, _blobs),
    "bigint": (20, partial(_numbers, "!iq", 8)),
    "smallint": (21, partial(_numbers, "!ih", 2)),
    "int": (23, partial(_numbers, "!ii", 4)),
    "integer": (23, partial(_numbers, "!ii", 4)),
    "text": (25, _texts),
    "timestamptz": (1184, _instants),
}
"""The types that statements cast to: each with its number in pg_type."""
KINDS: Final = frozenset(_ITEMS)
