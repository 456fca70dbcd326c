"""What each role may do, as rights.json has it, and as the roles themselves find out by trying everything.

`nox -s rights` tries and writes the file anew. Its difference is what to read: each line is something that a role may
do from now on, or may no longer. Of columns it names those that a role has, or says that it has all of so many.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import psycopg

from cashback.kernel.config import Secret
from cashback.processes import migrate
from cashback.processes.embedded import EmbeddedPostgres
from tests.integration.database.attempts import LABORATORY, Attempt, attempts, outcomes

FILE: Final = Path(__file__).with_name("rights.json")
PASSWORD: Final = "password-of-a-test"

Rights: TypeAlias = dict[str, dict[str, dict[str, str]]]
"""By role, then by what it is on, then by verb: which columns, or else "yes"."""


def settings(admin_dsn: str) -> migrate.Settings:
    """Return what `cashback migrate` is told, with one password for all roles."""
    words = {name: Secret(PASSWORD) for name in migrate.Settings.__struct_fields__ if name != "admin_dsn"}
    return migrate.Settings(admin_dsn=Secret(admin_dsn), **words)


def prepare(server: EmbeddedPostgres) -> dict[str, list[Attempt]]:
    """Migrate a new server as `cashback migrate` does, and return all that can be tried, by database."""
    migrate.migrate(settings(server.dsn()))
    found = {}
    for service in migrate.SERVICES:
        with psycopg.connect(server.dsn(service.database)) as connection:
            found[service.database] = attempts(connection)
            connection.execute(LABORATORY)
    return found


def tried(
    server: EmbeddedPostgres, tries: Mapping[str, Sequence[Attempt]], *, roles: Sequence[str] | None = None
) -> Rights:
    """Return what roles turn out to be allowed on a server that was prepared; none named means all of them."""
    rights: Rights = {}
    for service in migrate.SERVICES:
        for role in service.roles:
            if roles is not None and role not in roles:
                continue
            others = [
                Attempt("server", f"become {other}", f"set role {other}", ("role",))
                for every in migrate.SERVICES
                for other in (every.owner, *every.roles)
                if other != role
            ]
            with psycopg.connect(server.dsn(service.database, user=role, password=PASSWORD)) as connection:
                rights[role] = _by_object(outcomes(connection, [*tries[service.database], *others]))
                connection.rollback()
    return rights


def written(rights: Rights) -> bytes:
    """Return the text of rights.json."""
    return msgspec.json.format(msgspec.json.encode(rights), indent=2) + b"\n"


def committed() -> Rights:
    """Return what rights.json says."""
    return msgspec.json.decode(FILE.read_bytes(), type=Rights)


def differences(found: Rights, told: Rights) -> list[str]:
    """Return a line for each right that a role has against the file, or lacks against it."""
    have, should = set(_lines(found)), set(_lines(told))
    return sorted([f"+ {line}" for line in have - should] + [f"- {line}" for line in should - have])


def _lines(rights: Rights) -> Iterable[str]:
    """Yield a line for each right."""
    for role, objects in rights.items():
        for thing, verbs in objects.items():
            for verb, columns in verbs.items():
                yield f"{role}: {verb} {thing}: {columns}"


def _by_object(found: Sequence[tuple[Attempt, bool]]) -> dict[str, dict[str, str]]:
    """Return what was allowed, by object and verb."""
    every: dict[tuple[str, str], dict[str | None, bool]] = {}
    for attempt, is_allowed in found:
        columns = every.setdefault((attempt.object, attempt.verb), {})
        # Of several statements for one right, one that comes through is enough.
        columns[attempt.column] = columns.get(attempt.column, False) or is_allowed
    rights: dict[str, dict[str, str]] = {}
    for (thing, verb), columns in every.items():
        had = [column for column, is_allowed in columns.items() if is_allowed]
        if had:
            rights.setdefault(thing, {})[verb] = _told(had, of=len(columns))
    return dict(sorted(rights.items()))


def _told(had: Sequence[str | None], *, of: int) -> str:
    """Return which columns a role has.

    >>> _told(["id", "state"], of=3), _told(["id", "state"], of=2), _told([None], of=1)
    ('id, state', 'all 2', 'yes')
    """
    if None in had:
        return "yes"
    return f"all {of}" if len(had) == of else ", ".join(str(column) for column in had)


def main() -> None:
    """Try everything on a server of its own and write rights.json; tell what is different now."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres", durable=False) as server:
        found = tried(server, prepare(server))
    before = committed() if FILE.exists() else {}
    FILE.write_bytes(written(found))
    sys.stdout.writelines(f"{line}\n" for line in differences(found, before) or ["nothing is different"])


if __name__ == "__main__":
    main()
