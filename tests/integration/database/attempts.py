"""Every statement that a role might try on what a database holds, and what the server answers to it.

    catalogue ──▶ Attempt(object, verb, column, statement) ──▶ tried as a role ──▶ allowed | refused

Each statement is a whole one of its kind that touches no row, and is undone whatever it did. `tried`, a schema that
only exists here, is where a role may make a table: a foreign key needs one beside the right to refer.
"""

from typing import Any, Final

import msgspec
import psycopg
from psycopg import errors

EVERY_PARTITION: Final = "outbox_events_*"
"""For its partitions, which are named by days."""

REFUSED: Final = errors.InsufficientPrivilege.sqlstate
UNDONE: Final = "TRIED"
UNTRIED: Final = frozenset({"42601", "42P01", "42703", "42883", "42846", "42804", "42809", "428C9", "55000"})
"""What a statement ends with that is none, or does not fit what it is about: it would look like one let through."""

LABORATORY: Final = """
    create schema tried;
    grant usage, create on schema tried to public;
    create function tried.outcomes(statements text[]) returns table (code text, words text) language plpgsql as $$
    declare
        statement text;
    begin
        foreach statement in array statements loop
            begin
                execute statement;
                raise exception using errcode = 'TRIED';
            exception when others then
                code := sqlstate;
                words := sqlerrm;
                return next;
            end;
        end loop;
    end
    $$;
"""
"""A statement that came through is undone by the error that follows it."""

RELATIONS: Final = """
    select space.nspname, class.relname, class.relkind::text,
        array(select json_build_array(attname, format_type(atttypid, atttypmod), attgenerated <> '')
              from pg_attribute where attrelid = class.oid and attnum > 0 and not attisdropped order by attnum),
        array(select attname || ' ' || format_type(atttypid, atttypmod)
              from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey)
              where indrelid = class.oid and indisprimary order by array_position(indkey::int2[], attnum))
    from pg_class as class join pg_namespace as space on space.oid = class.relnamespace
    where class.relkind in ('r', 'p', 'v', 'S') and space.nspname = any (%(schemas)s)
    order by 1, 2
"""
FUNCTIONS: Final = """
    select space.nspname, proname, prokind::text, array(select format_type(oid, null) from unnest(proargtypes) as oid)
    from pg_proc join pg_namespace as space on space.oid = pronamespace
    where space.nspname = any (%(schemas)s)
        and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
    order by 1, 2
"""
SCHEMAS: Final = r"""
    select nspname from pg_namespace
    where nspname not like 'pg\_%' and nspname not in ('information_schema', 'tried') order by 1
"""


class Attempt(msgspec.Struct, frozen=True):
    """A statement and what may be learnt from it: whether a role has `verb` on `object`, or on one column of it."""

    object: str
    verb: str
    statement: str
    refusals: tuple[str, ...]
    """What the server calls what it refuses: one's own failure inside a function that was let run is none."""
    column: str | None = None


def attempts(connection: psycopg.Connection) -> list[Attempt]:
    """Return all that can be tried in a database, as the superuser reads its catalogue."""
    schemas = [name for (name,) in connection.execute(SCHEMAS)]
    found = [*_on_the_database(), *(attempt for schema in schemas for attempt in _on_schema(schema))]
    for schema, name, kind, columns, key in connection.execute(RELATIONS, {"schemas": schemas}):
        match kind:
            case "S":
                found += _on_sequence(schema, name)
            case "v":
                found += _on_view(schema, name, columns=columns)
            case _:
                found += _on_table(schema, name, columns=columns, key=key)
    for schema, name, kind, arguments in connection.execute(FUNCTIONS, {"schemas": schemas}):
        call = f"{schema}.{name}({', '.join(f'null::{kind}' for kind in arguments)})"
        verb = "call" if kind == "p" else "select"
        found.append(Attempt(f"{schema}.{name}()", "execute", f"{verb} {call}", (name, schema)))
    return found


def is_allowed(attempt: Attempt, code: str, words: str) -> bool:
    """Tell whether the server let a role do what it tried.

    Raises:
        AssertionError: the statement is none, which proves nothing.
    """
    assert code not in UNTRIED, f"{attempt.statement}: {words}"
    if code != REFUSED:
        return True
    return not any(word in attempt.refusals for word in words.replace('"', " ").split())


def outcomes(connection: psycopg.Connection, tries: list[Attempt]) -> list[tuple[Attempt, bool]]:
    """Return of each attempt whether the role that is connected may do it; nothing is changed.

    Raises:
        AssertionError: as `is_allowed`.
    """
    statements = [attempt.statement for attempt in tries]
    answers = connection.execute("select code, words from tried.outcomes(%s)", (statements,)).fetchall()
    return [(attempt, is_allowed(attempt, code, words)) for attempt, (code, words) in zip(tries, answers, strict=True)]


def _on_table(schema: str, name: str, *, columns: list[Any], key: list[str]) -> list[Attempt]:
    """Return what can be tried on a table or a view."""
    place, refusals = f"{schema}.{name}", (name, schema)
    shown = f"{schema}.{EVERY_PARTITION}" if name.startswith(EVERY_PARTITION.removesuffix("*")) else place
    found = [
        Attempt(shown, verb, statement, refusals)
        for verb, statement in (
            ("delete", f"delete from {place} where false"),
            ("truncate", f"truncate {place}"),
            (
                "trigger",
                f"create trigger tried after insert on {place} execute function suppress_redundant_updates_trigger()",
            ),
            ("maintain", f"reindex table {place}"),
            ("own", f"alter table {place} disable trigger user"),
            ("own", f"drop table {place} cascade"),
        )
    ]
    if key:
        names = ", ".join(column.split(" ")[0] for column in key)
        made = f"create table tried.mine ({', '.join(key)}, foreign key ({names}) references {place})"
        found.append(Attempt(shown, "references", made, refusals))
    for column, kind, is_generated in columns:
        found.append(Attempt(shown, "select", f"select {column} from {place} where false", refusals, column))
        if not is_generated:
            new = f"insert into {place} ({column}) overriding system value select null::{kind} where false"
            found.append(Attempt(shown, "insert", new, refusals, column))
            # A column that is always an identity takes nothing else.
            change = f"update {place} set {column} = default where false"
            found.append(Attempt(shown, "update", change, refusals, column))
    return found


def _on_view(schema: str, name: str, *, columns: list[Any]) -> list[Attempt]:
    """Return what can be tried on a view that only reads."""
    place, refusals = f"{schema}.{name}", (name, schema)
    return [
        Attempt(place, "own", f"drop view {place} cascade", refusals),
        *(
            Attempt(place, "select", f"select {column} from {place} where false", refusals, column)
            for column, *_ in columns
        ),
    ]


def _on_sequence(schema: str, name: str) -> list[Attempt]:
    """Return what can be tried on a sequence."""
    place, refusals = f"{schema}.{name}", (name, schema)
    return [
        Attempt(place, "usage", f"select nextval('{place}')", refusals),
        Attempt(place, "select", f"select last_value from {place}", refusals),
        Attempt(place, "update", f"select setval('{place}', 1)", refusals),
        Attempt(place, "own", f"drop sequence {place} cascade", refusals),
    ]


def _on_schema(schema: str) -> list[Attempt]:
    """Return what can be tried on a schema; that a role may use it shows on what is in it."""
    return [
        Attempt(f"schema {schema}", "create", f"create table {schema}.tried ()", (schema,)),
        Attempt(f"schema {schema}", "own", f"drop schema {schema} cascade", (schema,)),
    ]


def _on_the_database() -> list[Attempt]:
    """Return what can be tried on the database and on its server, beside what anybody who may connect may do."""
    return [
        Attempt("database", "temporary", "create temporary table tried ()", ("create",)),
        Attempt("database", "create", "create schema another", ("database",)),
        Attempt("server", "roles", "create role another", ("create",)),
        Attempt("server", "programs", "copy (select 1) to program 'true'", ("COPY",)),
        Attempt("server", "files", "select pg_read_file('PG_VERSION')", ("pg_read_file",)),
        Attempt("server", "silence triggers", "set session_replication_role = replica", ("session_replication_role",)),
        Attempt("server", "settings", "select pg_reload_conf()", ("pg_reload_conf",)),
        Attempt("server", "replicate", "select pg_create_physical_replication_slot('tried')", ("replication",)),
        Attempt("server", "become postgres", "set role postgres", ("role",)),
    ]
