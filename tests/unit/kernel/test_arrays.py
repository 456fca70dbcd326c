"""Lists reach PostgreSQL as the bytes that psycopg itself would have written."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.types.array import ListBinaryDumper

from cashback.kernel import arrays


class Context:
    """Adapters without a connection."""

    connection = None

    def __init__(self) -> None:
        """Begin with psycopg's own."""
        self.adapters = AdaptersMap(psycopg.adapters)


def written(value: list[Any], context: Context) -> tuple[type, bytes, int]:
    """Return who wrote a list in binary, what, and as which type."""
    transformer = Transformer(context)
    dumper = transformer.get_dumper(value, PyFormat.BINARY)
    return type(dumper), bytes(dumper.dump(value) or b""), dumper.oid


@pytest.mark.parametrize(
    "value",
    [
        ["one", "", "zwölf"],
        [1, 2, 3],
        [1, 2**40, -(2**62)],
        [b"\x00\x01", b""],
        [True, False],
        [datetime(2026, 11, 27, tzinfo=UTC)],
        ["one", None],
        [None, 7],
        [["a", "b"], ["c", "d"]],
        ["x"] * 500,
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_list_is_written_as_psycopg_would(value: list[Any]) -> None:
    """Type, dimensions, nulls and items are the same, byte for byte."""
    ours, theirs = Context(), Context()
    arrays.register(ours)
    writer, *found = written(value, ours)
    assert writer is arrays.FlatListDumper
    usual, *expected = written(value, theirs)
    assert usual is ListBinaryDumper
    assert found == expected


def test_a_list_without_items_is_an_empty_array() -> None:
    """Nothing tells its type: psycopg's own answer is given."""
    ours = Context()
    arrays.register(ours)
    assert written([], ours)[1] == written([], Context())[1]


def test_a_list_is_still_text_where_a_statement_does_not_ask_for_binary() -> None:
    """Statements that leave the format open are sent as before."""
    ours = Context()
    arrays.register(ours)
    chosen = Transformer(ours).get_dumper(["a"], PyFormat.AUTO)
    assert type(chosen) is type(Transformer(Context()).get_dumper(["a"], PyFormat.AUTO))
