"""What signs deliveries: replaced while both are known, and unreadable for one endpoint alone."""

import asyncio
from base64 import b64encode

import msgspec
import psycopg
import pytest

from cashback.cli import command
from cashback.cli.command import EXIT_DIFFERENCE, EXIT_SETTINGS
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.webhooks import Endpoints, NewEndpoint, Resealed, SealingKeys, reseal
from cashback.webhooks.consumer import TYPES
from cashback.webhooks.rules.schedule import WAITS_S
from cashback.webhooks.service import metrics
from tests.integration.webhooks.world import KEY, World, eventually, refunded

OTHER = b"o" * 32
NEW = b"n" * 32
BOTH = SealingKeys(NEW, KEY)


async def test_a_secret_that_was_replaced_signs_beside_its_heir_for_a_day(world: World) -> None:
    """Whoever knows the old one or the new one is content; one from before is of no use."""
    endpoint = await world.endpoint()
    secrets = [await world.secret(endpoint)]
    for _ in range(2):
        async with world.api.transaction() as tx:
            await world.endpoints.rotate(tx, endpoint.id, merchant_id="mer_1", by="test")
        secrets.append(await world.secret(endpoint))
    await world.take(refunded())
    async with world.delivering():
        await eventually(lambda: world.has_got(1))
        [got] = world.shop.got
        assert [got.is_signed_with(secret) for secret in secrets] == [False, True, True]
        await eventually(lambda: world.are("delivered"))
        world.rows("update webhooks.secrets set ends_at = now() where ends_at is not null")
        await world.take(refunded())
        await eventually(lambda: world.has_got(2))
    assert [world.shop.got[1].is_signed_with(secret) for secret in secrets] == [False, False, True]


async def test_an_endpoint_whose_secret_cannot_be_read_fails_alone(world: World) -> None:
    """Nothing is sent to it, its tries are in the log and on the schedule, and all others are delivered to meanwhile.

    It is not disabled for what is our failure; once its secret can be read, what is due is delivered.
    """
    unsigned = metrics.unsigned.collect
    before = next(iter(unsigned())).samples[0].value
    lost = Endpoints(SystemClock(), keys=SealingKeys(OTHER), types=TYPES, allow_loopback=True)
    async with world.api.transaction() as tx:
        url = world.shop.url("/lost")
        await lost.create(tx, NewEndpoint(merchant_id="mer_1", url=url, types=TYPES, by="test"))
    await world.endpoint("/there")
    await world.take(*(refunded() for _ in range(8)))
    async with world.delivering():
        await eventually(lambda: world.are(*["delivered"] * 8, *["due"] * 8))
        await world.tried(16)
    assert len(world.shop.at("/there")) == 8
    assert world.shop.at("/lost") == []
    # Each as long after its last try as is published, however often it was tried while this looked.
    [(count, wait_as_published)] = world.rows(
        "select count(*), bool_and(due_at >= tried.at + make_interval(secs => %s)) from webhooks.deliveries,"
        " lateral (select max(at) as at from webhooks.attempts where delivery_id = id) as tried where state = 'due'",
        WAITS_S[0],
    )
    assert (count, wait_as_published) == (8, True)
    assert world.rows(
        "select distinct host(address), status, error from webhooks.attempts where error is not null"
    ) == [(None, None, "secret_unreadable")]
    assert world.rows("select state, failing_since from webhooks.endpoints order by url") == [("enabled", None)] * 2
    assert next(iter(unsigned())).samples[0].value >= before + 8
    world.hasten()
    async with world.delivering(keys=SealingKeys(KEY, OTHER)):
        await eventually(lambda: world.are(*["delivered"] * 16))
    assert len(world.shop.at("/lost")) == 8


async def test_one_living_secret_that_cannot_be_read_is_enough_to_send_nothing(world: World) -> None:
    """A receiver that knows that one alone would refuse what only its heir has signed, and may say that it has it."""
    endpoint = await world.endpoint()
    other = Endpoints(SystemClock(), keys=SealingKeys(OTHER), types=TYPES, allow_loopback=True)
    async with world.api.transaction() as tx:
        await other.rotate(tx, endpoint.id, merchant_id="mer_1", by="test")
    await world.take(refunded())
    for number, keys in enumerate((SealingKeys(KEY), SealingKeys(OTHER)), start=1):
        async with world.delivering(keys=keys):
            await world.tried(number)
        world.hasten()
    assert world.shop.got == []
    # Rotated twice under the new key, as the runbook has it, and nothing of the old one is needed.
    async with world.api.transaction() as tx:
        await other.rotate(tx, endpoint.id, merchant_id="mer_1", by="test")
    world.hasten()
    async with world.delivering(keys=SealingKeys(OTHER)):
        await eventually(lambda: world.are("delivered"))


async def sealed(world: World, keys: SealingKeys) -> Resealed:
    """Seal secrets anew as the operator."""
    async with Database.open(world.dsns.of("cashback_operator"), name="operator", connections_max=1) as database:
        return await reseal(database, keys)


async def test_all_living_secrets_come_under_the_newest_key_while_deliveries_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over more batches than one, and again does nothing; what has ended stays as it is, and the secrets are the same.

    A worker that knows both keys delivers before, between and after; one that knows the new one alone does after.
    """
    monkeypatch.setattr("cashback.webhooks.service.resealing.BATCH", 2)
    endpoints = [await world.endpoint(f"/{number}") for number in range(5)]
    for _ in range(2):
        async with world.api.transaction() as tx:
            await world.endpoints.rotate(tx, endpoints[0].id, merchant_id="mer_1", by="test")
    secrets = [await world.secret(endpoint) for endpoint in endpoints]
    ended = world.rows("select sealed from webhooks.secrets where ends_at <= now()")
    async with world.delivering(keys=BOTH):
        await world.take(refunded())
        await eventually(lambda: world.are(*["delivered"] * 5))
        assert await sealed(world, BOTH) == Resealed(resealed=6, left=0)
        await world.take(refunded())
        await eventually(lambda: world.are(*["delivered"] * 10))
    assert await sealed(world, BOTH) == Resealed(resealed=0, left=0)
    assert world.rows("select sealed from webhooks.secrets where ends_at <= now()") == ended
    async with world.delivering(keys=SealingKeys(NEW)):
        await world.take(refunded())
        await eventually(lambda: world.are(*["delivered"] * 15))
    for number, secret in enumerate(secrets):
        got = world.shop.at(f"/{number}")
        assert [one.is_signed_with(secret) for one in got] == [True] * 3


async def test_what_cannot_be_opened_or_is_being_changed_is_left_and_told(world: World) -> None:
    """It waits for nobody; run again, it takes what was left, but for what no key opens."""
    first = await world.endpoint("/first")
    await world.endpoint("/second")
    lost = Endpoints(SystemClock(), keys=SealingKeys(OTHER), types=TYPES, allow_loopback=True)
    async with world.api.transaction() as tx:
        url = world.shop.url("/lost")
        unreadable = await lost.create(tx, NewEndpoint(merchant_id="mer_1", url=url, types=TYPES, by="test"))
    with psycopg.connect(world.dsns.superuser) as connection:
        connection.execute("select from webhooks.secrets where endpoint_id = %s for update", [first.id])
        told = await sealed(world, BOTH)
    assert (told.resealed, told.left) == (1, 2)
    again = await sealed(world, BOTH)
    assert (again.resealed, again.left) == (1, 1)
    [named] = again.unreadable
    assert (named.endpoint_id, named.number, "another CASHBACK_WEBHOOK_KEY" in named.reason) == (unreadable.id, 1, True)


async def test_the_verb_counts_seals_and_shows_no_key(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Keys come from the settings alone; it exits with 3 while something is left, and asks for two keys that differ."""
    await world.endpoint()
    new, old = b64encode(NEW).decode(), b64encode(KEY).decode()
    monkeypatch.setenv("CASHBACK_LEDGER_OPERATOR_DSN", world.dsns.of("cashback_operator"))
    monkeypatch.setenv("CASHBACK_WEBHOOK_KEY", new)
    monkeypatch.setenv("CASHBACK_WEBHOOK_KEY_BEFORE", new)
    assert await asyncio.to_thread(command.run, ["webhook", "reseal"]) == EXIT_SETTINGS
    monkeypatch.setenv("CASHBACK_WEBHOOK_KEY_BEFORE", old)
    capfd.readouterr()
    shown: list[str] = []
    for words, code, told in (
        (["--dry-run"], EXIT_DIFFERENCE, {"resealed": 0, "left": 1, "unreadable": []}),
        ([], 0, {"resealed": 1, "left": 0, "unreadable": []}),
        ([], 0, {"resealed": 0, "left": 0, "unreadable": []}),
    ):
        assert await asyncio.to_thread(command.run, ["webhook", "reseal", "--json", *words]) == code
        said = capfd.readouterr()
        assert msgspec.json.decode(said.out) == told
        shown += said
    assert await asyncio.to_thread(command.run, ["webhook", "reseal"]) == 0
    shown += capfd.readouterr()
    assert "sealed anew" in shown[-2]
    assert not any(key in text for key in (new, old) for text in shown)
