"""Members that an object of a JSON text names more than once: msgspec takes the last of them, and says nothing.

sound      ──▶ the names of every object are looked at as it ends, and nothing is kept of them
any other  ──▶ read once more, and gone through from its root, for the places; what names nothing twice was let go
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from cashback.kernel.http.contents import Place


class _NamedTwice(Exception):
    """An object names a member twice."""


class _Members(list[tuple[str, object]]):
    """The members of an object, also those of one name; where each is named once, those that have parts themselves."""


def is_each_named_once(text: str) -> bool:
    """Tell whether every object of a sound JSON text names each of its members once.

    Raises:
        RecursionError: it nests deeper than anybody reads.
    """
    try:
        _looking.decode(text)
    except _NamedTwice:
        return False
    return True


def named_twice(text: str) -> Iterator[Place]:
    """Yield the place of each member that its object names more than once, from the outside in.

    The text is JSON, and nests no deeper than somebody sound nests: each place is made of all above it.
    """
    inside: list[Iterator[tuple[Place, object]]] = [iter([((), _keeping.decode(text))])]
    while inside:
        place, value = next(inside[-1], ((), None))
        if isinstance(value, _Members):
            counts = Counter(name for name, _ in value)
            yield from ((*place, name) for name, count in counts.items() if count > 1)
            inside.append(_within(place, value))
        elif isinstance(value, list):
            inside.append(_within(place, enumerate(value)))
        else:
            inside.pop()


def _within(place: Place, parts: Iterable[tuple[str | int, object]]) -> Iterator[tuple[Place, object]]:
    """Yield what may name something below a place, by its own place."""
    return (((*place, step), part) for step, part in parts if isinstance(part, list))


def _look(members: list[tuple[str, object]]) -> None:
    """Return when the members of one object have different names.

    Raises:
        _NamedTwice: two have the same.
    """
    if len({name for name, _ in members}) < len(members):
        raise _NamedTwice


def _keep(members: list[tuple[str, object]]) -> _Members | None:
    """Return what of an object may lead to something that is named twice, None where nothing does.

    Most objects are small and sound, and a large body has a hundred thousand of them.
    """
    if len({name for name, _ in members}) < len(members):
        return _Members(members)
    return _Members([member for member in members if isinstance(member[1], list)]) or None


_looking: Final = json.JSONDecoder(object_pairs_hook=_look, parse_int=len, parse_float=len)
_keeping: Final = json.JSONDecoder(object_pairs_hook=_keep, parse_int=len, parse_float=len)
