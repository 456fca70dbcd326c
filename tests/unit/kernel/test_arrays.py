"""Lists reach PostgreSQL as arrays of the types that their statements name, in the bytes that psycopg would write."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.types.numeric import Int2, Int4, Int8

from cashback.kernel import arrays

_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]))
_INSTANTS: Final = st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=-3, minutes=30))))
ITEMS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "text": _TEXTS,
    "bytea": st.binary(),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "boolean": st.booleans(),
    "timestamptz": _INSTANTS,
}
AS_ITS_TYPE: Final = {"bigint": Int8, "integer": Int4, "int": Int4, "smallint": Int2}


class Context:
    """Adapters without a connection."""

    connection = None

    def __init__(self) -> None:
        """Begin with psycopg's own, and those for what is packed."""
        self.adapters = AdaptersMap(psycopg.adapters)
        arrays.register(self)


def sent(value: object) -> bytes:
    """Return the bytes that psycopg sends for a value that is to be in binary."""
    (written,) = Transformer(Context()).dump_sequence([value], [PyFormat.BINARY])
    return bytes(written or b"")


@pytest.mark.parametrize("kind", ITEMS)
@given(st.data())
def test_a_list_is_written_as_psycopg_would(kind: str, data: st.DataObject) -> None:
    """Dimensions, nulls, type and items are the same, byte for byte, where psycopg knows the type as well."""
    values = data.draw(st.lists(ITEMS[kind] | st.none(), min_size=1).filter(any_there))
    packed = arrays.packed(f"select %(values)b::{kind}[]", {"values": values})["values"]
    cast = AS_ITS_TYPE.get(kind, lambda value: value)
    assert isinstance(packed, arrays.Packed)
    assert sent(packed) == sent([None if value is None else cast(value) for value in values])


def any_there(values: list[object]) -> bool:
    """Tell whether not all of them are null, of which psycopg could not tell the type."""
    return any(value is not None for value in values)


@pytest.mark.parametrize(
    "kind, values",
    [
        ("text", [1]),
        ("text", [["a"], ["b"]]),
        ("text", ["\ud800"]),
        ("bigint", [2**63]),
        ("smallint", [1, 2**15]),
        ("bigint", [1.5]),
        ("bigint", ["1"]),
        ("boolean", ["t"]),
        ("timestamptz", [datetime(2026, 11, 28)]),  # noqa: DTZ001 - one without a zone is what is tried
    ],
    ids=repr,
)
def test_what_is_not_of_its_type_is_left_to_psycopg(kind: str, values: list[object]) -> None:
    """It or the server says what is wrong with it, or finds that there is a way."""
    assert arrays.packed(f"select %(values)b::{kind}[]", {"values": values})["values"] is values


@pytest.mark.parametrize(
    "statement",
    [
        "select %(values)s::text[]",
        "select %(values)b",
        "select %(values)b::numeric[]",
        "select %(values)b::text[], %(values)b::bytea[]",
    ],
)
def test_a_list_without_one_type_that_is_known_is_left_to_psycopg(statement: str) -> None:
    """Nothing is guessed."""
    values = ["a"]
    assert arrays.packed(statement, {"values": values})["values"] is values


def test_what_is_no_list_stays_as_it_is() -> None:
    """A null where there may be an array, and everything beside it."""
    values = {"among": None, "limit": 7}
    assert arrays.packed("select %(among)b::text[], %(limit)s", values) == values
