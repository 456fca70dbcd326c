"""Lists on their way to PostgreSQL: every set-based statement takes its rows as arrays, so this is met a lot.

psycopg writes an array's items in Python, one by one. A flat list without a null, which is nearly every one, is written
here by functions in C, to the same bytes.
"""

from collections.abc import Iterable
from itertools import chain
from struct import Struct
from typing import Any, Final

from psycopg.abc import AdaptContext, Buffer
from psycopg.types.array import ListBinaryDumper, ListDumper

_HEAD: Final = Struct("!IIIII")
"""Dimensions, whether there is a null, the items' type, how many, and the number of the first."""
_LENGTH: Final = Struct("!i")


class FlatListDumper(ListBinaryDumper):
    """Writes flat lists without a null quickly, and leaves all others to psycopg."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        """Return the array in PostgreSQL's binary format."""
        of = self.sub_dumper
        if of is None or not of.oid or not obj or isinstance(obj[0], list) or None in obj:
            return super().dump(obj)
        items: list[Any] = list(map(of.dump, obj))
        lengths: Iterable[bytes] = map(_LENGTH.pack, map(len, items))
        return b"".join(
            chain((_HEAD.pack(1, 0, of.oid, len(items), 1),), chain.from_iterable(zip(lengths, items, strict=True)))
        )


def register(context: AdaptContext) -> None:
    """Have a connection write its lists so; a statement that does not ask for binary gets text as before."""
    context.adapters.register_dumper(list, FlatListDumper)
    context.adapters.register_dumper(list, ListDumper)
