"""Where something stands that should not: every column of every table of a database, every file of a folder."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

PAGE: Final = Path(__file__).parents[2] / "docs" / "privacy.md"
_COLUMNS: Final = """
    select space.nspname, class.relname, array_agg(attribute.attname::text order by attribute.attnum)
    from pg_class as class
    join pg_namespace as space on space.oid = class.relnamespace
    join pg_attribute as attribute on attribute.attrelid = class.oid
    where class.relkind in ('r', 'p')
      and not class.relispartition
      and space.nspname !~ '^pg_|^information_schema$'
      and attribute.attnum > 0
      and not attribute.attisdropped
    group by space.nspname, class.relname
    order by space.nspname, class.relname
"""


def forms(markers: Iterable[str]) -> list[str]:
    """Return each way to write these texts that is looked for, in lower case: as they are, and as bytes in hexadecimal.

    Addresses are looked for without their beginning too, as twenty bytes.
    """
    found: set[str] = set()
    for marker in markers:
        found |= {marker.lower(), marker.encode().hex(), marker.lower().encode().hex()}
        if re.fullmatch("0x[0-9a-fA-F]{40}", marker):
            found.add(marker[2:].lower())
    return sorted(found)


def columns_with(dsn: str, markers: Iterable[str]) -> set[str]:
    """Return `database.schema.table.column` of wherever one of these texts stands; `dsn` is a superuser's."""
    wanted = [f"%{form}%" for form in forms(markers)]
    found: set[str] = set()
    with psycopg.connect(dsn, autocommit=True) as connection:
        database = connection.info.dbname
        for schema, table, columns in connection.execute(_COLUMNS.encode()).fetchall():
            asked = sql.SQL("select {} from {}").format(
                sql.SQL(", ").join(
                    sql.SQL("bool_or(lower({}::text) like any(%(wanted)s))").format(sql.Identifier(column))
                    for column in columns
                ),
                sql.Identifier(schema, table),
            )
            row = connection.execute(asked, {"wanted": wanted}).fetchone() or ()
            found |= {f"{database}.{schema}.{table}.{name}" for name, is_in in zip(columns, row, strict=True) if is_in}
    return found


def files_with(folder: Path, markers: Iterable[str]) -> set[str]:
    """Return the names of the files below a folder in which one of these texts stands."""
    wanted = forms(markers)
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_text(errors="replace").lower() for form in wanted)
    }


def documented() -> set[str]:
    """Return every column that docs/privacy.md names as one where something of an erased user stays."""
    _, _, after = PAGE.read_text().partition("\n## What stays")
    return set(re.findall(r"`(\w+\.\w+\.\w+\.\w+)`", after.partition("\n## ")[0]))
