"""Who asked for what is done: the API key that a command came with stands beside its idempotency key."""

from typing import Any

import msgspec
import psycopg
import pytest

from cashback.kernel.ids import new_id
from cashback.kernel.migrations import upgrade
from cashback.purchases.model import OPERATOR, NewUser
from tests.integration.ledger.older import older
from tests.integration.ledger.world import World, buy, new_key
from tests.support.servers import Databases

NEW_KEYS = {"scopes", "expires_at", "rate_per_s", "burst", "replaces", "created_by"}
NEW_COMMANDS = {"by_key", "what", "resource"}


async def asked(world: World, key: str) -> Any:  # noqa: ANN401  # a column
    """Return the API key that is written beside an idempotency key."""
    return await world.one("select by_key from purchases.idempotency_keys where key = %s", key)


async def test_a_command_is_stored_with_the_api_key_that_it_came_with(world: World) -> None:
    """With those of its batch as with nobody beside it; what comes from the command line came with none."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    first, second, by_hand = (
        buy(user, merchant, key_id="key_1"),
        buy(user, merchant, key_id="key_2"),
        buy(user, merchant),
    )
    await world.record(first, second, by_hand)
    created = NewUser(owner=OPERATOR, key=new_key(), key_id="key_3")
    await world.people.create_user(created)
    commands = (first, second, by_hand, created)
    assert [await asked(world, command.key) for command in commands] == ["key_1", "key_2", None, "key_3"]


async def test_whoever_repeats_a_command_is_not_who_asked_for_it(world: World) -> None:
    """The key of the first request stays, and another one is no other request: the answer is the same (I7)."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant(), key_id="key_1")
    again = msgspec.structs.replace(purchase, key_id="key_2")
    outcomes = [*await world.purchases.record([purchase, again]), await world.purchases.record_one(again)]
    assert len({outcome.answer for outcome in outcomes}) == 1  # type: ignore[union-attr]  # refused has none, and fails
    assert await asked(world, purchase.key) == "key_1"


async def test_who_asked_cannot_be_changed_afterwards(world: World) -> None:
    """Not by the process that wrote it: who asked and for what is written once."""
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_api"), autocommit=True) as connection:
        for column in ("by_key", "what", "created_at"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(f"update purchases.idempotency_keys set {column} = null".encode())
        for column in ("scopes", "rate_per_s", "burst", "replaces", "created_by"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(f"update purchases.api_keys set {column} = null".encode())


@pytest.mark.parametrize(
    "set_, constraint",
    [
        ("scopes = '{}'", "key_scopes_bounded"),
        ("scopes = '{users:read,null}'", "key_scopes_named"),
        ("scopes = array_fill('users:read'::text, array[101])", "key_scopes_bounded"),
        ("rate_per_s = 1", "key_rate_whole"),
        ("burst = 1", "key_rate_whole"),
        ("rate_per_s = 0, burst = 1", "key_rate_bounded"),
        ("rate_per_s = 1, burst = 0", "key_burst_bounded"),
        ("expires_at = created_at - interval '1 microsecond'", "key_expiry_in_range"),
        ("expires_at = 'infinity'", "key_expiry_in_range"),
        ("replaces = id", "key_replaces_another"),
        ("created_by = id", "key_made_by_another"),
        ("replaces = 'key_unknown'", "api_keys_replaces_fkey"),
        ("created_by = 'key_unknown'", "api_keys_created_by_fkey"),
    ],
)
async def test_rights_that_mean_nothing_are_not_stored(world: World, set_: str, constraint: str) -> None:
    """An empty list, half a rate, an end before the beginning, a key that comes of itself or of nobody."""
    await _store_key(world, "key_1")
    with pytest.raises(psycopg.IntegrityError, match=constraint):
        await world.rows(f"update purchases.api_keys set {set_}")


@pytest.mark.parametrize(
    "set_, constraint",
    [
        ("by_key = 'usr_1'", "idempotency_asker_shaped"),
        ("what = ''", "idempotency_what_bounded"),
        ("resource = repeat('x', 201)", "idempotency_resource_bounded"),
    ],
)
async def test_of_a_command_nothing_boundless_is_kept(world: World, set_: str, constraint: str) -> None:
    """The constraints are not valid for the rows of before, which have nothing there, and hold for every new one."""
    await world.user()
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        await world.rows(f"update purchases.idempotency_keys set {set_}")


def test_rows_of_before_stay_as_they_are_and_none_is_written_anew(databases: Databases) -> None:
    """The tables keep their files: however much is in them, nothing of it is copied under the lock."""
    files = "select pg_relation_filenode('purchases.api_keys'), pg_relation_filenode('purchases.idempotency_keys')"
    with older(databases, "who_asked", schema="purchases") as (dsn, connection):
        connection.execute(
            "insert into purchases.api_keys (id, secret_hmac, scope, label, created_at)"
            " values ('key_1', sha256('1'), 'operator', 'ops', now())"
        )
        connection.execute(
            "insert into purchases.idempotency_keys (owner, key, fingerprint, answer, created_at)"
            " values ('operator', '1', sha256('1'), '{}', now())"
        )
        before = connection.execute(files).fetchone()
        upgrade(dsn, "purchases")
        assert connection.execute(files).fetchone() == before
        for table, columns in (("api_keys", NEW_KEYS), ("idempotency_keys", NEW_COMMANDS)):
            [row] = connection.execute(f"select to_jsonb(one) from purchases.{table} as one".encode()).fetchall()
            assert isinstance(row[0], dict)
            assert {name: row[0][name] for name in columns} == dict.fromkeys(columns)


async def _store_key(world: World, key_id: str) -> None:
    """Store an operator's key of that name."""
    await world.rows(
        "insert into purchases.api_keys (id, secret_hmac, scope, label, created_at)"
        " values (%s, sha256('1'), 'operator', %s, now())",
        key_id,
        new_id("label"),
    )
