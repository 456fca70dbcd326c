"""A stack in a folder that served before: who had a key or a password in the last session still has it."""

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.principal import Scope
from cashback.processes.embedded import EmbeddedPostgres
from cashback.processes.stack import Plan, Ports, Stack, furnish
from cashback.processes.stack.keeping import Kept
from cashback.purchases import ApiKeys
from cashback.purchases.rules import id_in_text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL of the test's own, since the databases' names are fixed."""
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        yield server


def test_a_secret_is_made_up_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    """Each name has its own, which another session finds, and which can be replaced."""
    first, folder = Kept(tmp_path / "secrets"), tmp_path / "secrets"
    assert first.found("one") is None
    one, other = first.secret("one"), first.secret("other")
    assert one != other
    assert (Kept(folder).secret("one"), Kept(folder).found("other")) == (one, other)
    first.keep("one", Secret("another"))
    assert Kept(folder).secret("one") == Secret("another")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert sorted(file.name for file in folder.iterdir()) == ["one", "other"]


def test_two_sessions_in_one_folder_have_the_same_secrets(tmp_path: Path) -> None:
    """Two in two folders have none in common."""
    one, again, other = (Stack(tmp_path / name, anvil=Path("/usr/bin/true")) for name in ("a", "a", "b"))
    assert one.plan.pepper == again.plan.pepper
    assert one.plan.broker_users() == again.plan.broker_users()
    assert other.plan.pepper != one.plan.pepper


def test_a_key_of_the_last_session_opens_in_the_next_until_it_is_revoked(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """The operator's own key is the same in every session, and no further one is made; a revoked one is replaced."""
    first = session(server, tmp_path)
    shop = asyncio.run(made(server, tmp_path))
    assert plan_in(tmp_path).migration(server) == plan_in(tmp_path).migration(server)
    assert session(server, tmp_path) == first
    assert asyncio.run(opening(server, tmp_path, first, shop)) == [True, True]
    assert asyncio.run(revoked(server, tmp_path, first)) == 2
    replaced = session(server, tmp_path)
    assert asyncio.run(opening(server, tmp_path, first, replaced)) == [False, True]


def plan_in(folder: Path) -> Plan:
    """Return the plan of one more session."""
    return Plan(Ports.free(), Kept(folder / "secrets").secret)


def session(server: EmbeddedPostgres, folder: Path) -> Secret:
    """Return the operator's key, as one more session finds or makes it."""
    plan = plan_in(folder)
    dsn = plan.dsn(server, "cashback", "cashback_api")
    return furnish.databases(plan.migration(server), api_dsn=dsn, pepper=plan.pepper, kept=Kept(folder / "secrets"))


@asynccontextmanager
async def keys_of(server: EmbeddedPostgres, folder: Path) -> AsyncIterator[ApiKeys]:
    """Give the API keys as one more session knows them."""
    plan = plan_in(folder)
    async with Database.open(plan.dsn(server, "cashback", "cashback_api"), name="test", connections_max=1) as database:
        yield ApiKeys(database, pepper=plan.pepper, clock=SystemClock())


async def made(server: EmbeddedPostgres, folder: Path) -> Secret:
    """Return a key that somebody makes during a session."""
    async with keys_of(server, folder) as keys:
        return (await keys.create(scope=Scope.OPERATOR, label="of a person"))[1]


async def opening(server: EmbeddedPostgres, folder: Path, *secrets: Secret) -> list[bool]:
    """Return of each secret whether it opens something in one more session."""
    async with keys_of(server, folder) as keys:
        return [await keys.authenticate(secret.value) is not None for secret in secrets]


async def revoked(server: EmbeddedPostgres, folder: Path, secret: Secret) -> int:
    """Revoke a key, and return how many there are by now."""
    async with keys_of(server, folder) as keys:
        await keys.revoke(str(id_in_text(secret.value)))
        return len(await keys.list_keys())
