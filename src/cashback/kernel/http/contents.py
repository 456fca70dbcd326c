"""What a body may hold beyond its form: instants that can be stored and read again, texts that PostgreSQL can hold.

A decoder knows neither bound. They are looked for in whatever struct a handler asks for, so that no route can forget.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import inspect

from cashback.kernel import instants

NUL: Final = "\0"
"""The one character of Unicode that PostgreSQL has no place for; it is printable nowhere either."""

NUL_IN_JSON: Final = b"\\u0000"
"""How a body writes it: raw it would be no JSON."""

Place: TypeAlias = tuple[str | int, ...]


def out_of_range(decoded: Any, kind: Any) -> Iterator[Place]:  # noqa: ANN401  # whatever a handler asks for
    """Yield where something that was decoded as `kind` names instants that lie out of range.

    An instant without its offset is left to whoever knows what it is for.
    """
    return _strays(decoded, ()) if _may_tell(kind) else iter(())


def unstorable(document: Any) -> Iterator[Place]:  # noqa: ANN401  # any JSON
    """Yield where a JSON document has texts that cannot be stored, as values or as names."""
    return (place for place in unstorable_in_turns(document) if place is not None)


def unstorable_in_turns(document: Any) -> Iterator[Place | None]:  # noqa: ANN401  # as above
    """Yield what `unstorable` does, and None whenever something with parts comes: others may have their turn then."""
    return _texts(document, ())


def pointer_of(place: Place) -> str:
    """Return a place as a JSON pointer (RFC 6901); the empty one is the whole document.

    >>> pointer_of(("lines", 0, "a/b~c"))
    '/lines/0/a~1b~0c'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def _strays(value: Any, place: Place) -> Iterator[Place]:  # noqa: ANN401  # as above
    """Yield the places below `place` of instants out of range."""
    if isinstance(value, datetime):
        if value.tzinfo is not None and not instants.is_in_range(value):
            yield place
    elif isinstance(value, msgspec.Struct):
        for name, told in _dated(type(value)):
            yield from _strays(getattr(value, name), (*place, told))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _strays(item, (*place, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strays(item, (*place, str(key)))


def _texts(value: Any, place: Place) -> Iterator[Place | None]:  # noqa: ANN401  # as above
    """Yield the places below `place` of texts that cannot be stored."""
    if isinstance(value, str):
        if NUL in value:
            yield place
    elif isinstance(value, list):
        yield None
        for index, item in enumerate(value):
            yield from _texts(item, (*place, index))
    elif isinstance(value, dict):
        yield None
        for key, item in value.items():
            if NUL in key:
                yield (*place, key)
            yield from _texts(item, (*place, key))


@cache
def _dated(struct: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a struct that may tell an instant: the attribute, and the member's name."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(struct) if _may_tell(field.type))


@cache
def _may_tell(kind: Any) -> bool:  # noqa: ANN401  # a type, or a union of some
    """Tell whether a value of this type may tell an instant: most bodies tell none, and are not walked through."""
    return _reaches(inspect.type_info(kind), frozenset())


def _reaches(info: inspect.Type, above: frozenset[type]) -> bool:
    """Tell whether a type's description reaches an instant; `above` are the structs that it is already within."""
    parts: tuple[inspect.Type, ...] = ()
    match info:
        case inspect.DateTimeType():
            return True
        case inspect.StructType(cls=struct, fields=fields) if struct not in above:
            parts, above = tuple(field.type for field in fields), above | {struct}
        case inspect.UnionType(types=types) | inspect.TupleType(item_types=types):
            parts = types
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            parts = (item,)
        case inspect.DictType(value_type=item) | inspect.Metadata(type=item):
            parts = (item,)
        case _:
            pass
    return any(_reaches(part, above) for part in parts)
