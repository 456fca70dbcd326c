"""`cashback migrate` and `cashback contracts deploy`: once or often, alone or side by side, the same comes of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from cashback.cli.command import EXIT_REJECTED, EXIT_SETTINGS, EXIT_UNAVAILABLE
from cashback.kernel import migrations
from cashback.kernel.config import PREFIX, load
from cashback.kernel.migrations import head, upgrade
from cashback.processes import migrate
from cashback.processes.embedded import CHAIN_ID, EmbeddedAnvil, EmbeddedPostgres, free_port
from cashback.processes.stack import DEVELOPMENT_MNEMONIC
from tests.integration.cli.conftest import Cashback
from tests.integration.cli.launch import launched

SCHEMAS = {schema: head(schema) for schema in ("ledger", "purchases", "webhooks", "minting", "chain")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL of this module's own, since the databases' names are fixed."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture
def settings(server: EmbeddedPostgres) -> dict[str, str]:
    """Give the settings of `cashback migrate`."""
    roles = [name for name in migrate.Settings.__struct_fields__ if name != "admin_dsn"]
    return {f"{PREFIX}ADMIN_DSN": server.dsn()} | {f"{PREFIX}{role.upper()}": f"word/of {role}@" for role in roles}


def revisions(told: object) -> dict[str, str]:
    """Return what `migrate --json` told, by schema."""
    return {row["schema"]: row["revision"] for row in msgspec.convert(told, list[dict[str, str]])}


def test_two_migrations_side_by_side_take_turns(settings: Mapping[str, str], tmp_path: Path) -> None:
    """On a server with nothing on it, both end well; passwords of any letters open what they are for."""
    with (
        launched(tmp_path / "one", "migrate", "--json", settings=settings) as one,
        launched(tmp_path / "other", "migrate", "--json", settings=settings) as other,
    ):
        assert [one.ended(), other.ended()] == [0, 0], one.said + other.said
        assert revisions(msgspec.json.decode(one.printed)) == revisions(msgspec.json.decode(other.printed)) == SCHEMAS


def test_a_migration_keeps_its_turn_until_its_schemas_are_there(
    server: EmbeddedPostgres, settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revision may grant on its database, which another migration would provide meanwhile: one of them would fail."""
    had_by_others = []

    def upgrade_and_look(url: str, schema: str) -> str:
        """Upgrade, and see whether another migration could begin now."""
        with psycopg.connect(server.dsn()) as other:
            query = "select pg_try_advisory_lock(%s)"
            had_by_others.append(other.execute(query, (migrate._PROVISION_LOCK,)).fetchone())
        return upgrade(url, schema)

    monkeypatch.setattr(migrations, "upgrade", upgrade_and_look)
    assert migrate.migrate(load(migrate.Settings, settings)) == SCHEMAS
    assert had_by_others == [(False,)] * len(SCHEMAS)


def test_migrating_again_changes_nothing_and_one_service_can_be_picked(
    server: EmbeddedPostgres, settings: Mapping[str, str], cashback: Cashback
) -> None:
    """Nor does it lock anybody out: a role's password is what the settings say."""
    assert revisions(cashback("migrate", "--json", settings=settings).json) == SCHEMAS
    assert revisions(cashback("migrate", "--service", "chain", "--json", settings=settings).json) == {
        "chain": head("chain")
    }
    word = settings[f"{PREFIX}CHAIN_AUDITOR_PASSWORD"]
    with psycopg.connect(server.dsn("chain", user="chain_auditor", password=word)) as connection:
        assert connection.execute("select version_num from chain.schema_history").fetchone() == (head("chain"),)
    assert "chain" in cashback("migrate", settings=settings).out


def test_what_keeps_a_migration_from_running_is_said_without_a_traceback(
    server: EmbeddedPostgres, settings: Mapping[str, str], cashback: Cashback
) -> None:
    """A server that is not there, a password that is wrong, a user that may not, settings that are missing."""
    auditor = server.dsn(user="chain_auditor", password=settings[f"{PREFIX}CHAIN_AUDITOR_PASSWORD"])
    wrong: list[tuple[str, int, str]] = [
        (f"postgresql://postgres@127.0.0.1:{free_port()}/postgres", EXIT_UNAVAILABLE, "nothing listens at its address"),
        (server.dsn(password="wrong"), EXIT_UNAVAILABLE, 'password authentication failed for user "postgres"'),
        (auditor, EXIT_REJECTED, "permission denied"),
        ("host=127.0.0.1 nonsense", EXIT_REJECTED, ""),
        ("127.0.0.1", EXIT_SETTINGS, "CASHBACK_ADMIN_DSN is wrong: it must be a PostgreSQL connection string"),
    ]
    for dsn, code, words in wrong:
        said = cashback("migrate", settings={**settings, f"{PREFIX}ADMIN_DSN": dsn})
        assert (said.code, said.out, words in said.err) == (code, "", True), (dsn, said)
    said = cashback("migrate", settings={})
    assert (said.code, said.err.count("is required")) == (EXIT_SETTINGS, len(settings))


def test_contracts_are_deployed_once_and_found_ever_after(anvil: EmbeddedAnvil, cashback: Cashback) -> None:
    """The second time, and by their addresses the third."""
    settings = {
        f"{PREFIX}RPC_URLS": anvil.url,
        f"{PREFIX}CHAIN_ID": str(CHAIN_ID),
        f"{PREFIX}KEY_MNEMONIC": DEVELOPMENT_MNEMONIC,
        f"{PREFIX}KEY_INDEX": "7",  # an account with money that no other test deploys with
    }
    first, second = (cashback("contracts", "deploy", "--json", settings=settings).json for _ in range(2))
    told = [msgspec.convert(each, dict[str, Any]) for each in (first, second)]
    assert [each.pop("is_new") for each in told] == [True, False]
    assert told[0] == told[1]
    addresses = {f"{PREFIX}TOKEN_ADDRESS": told[0]["token"], f"{PREFIX}MINTER_ADDRESS": told[0]["minter"]}
    shown = cashback("contracts", "deploy", settings={**settings, **addresses})
    assert (shown.code, shown.out.splitlines()[0]) == (0, "deployed before")
    assert told[0]["token"] in shown.out
