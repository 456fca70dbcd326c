"""API keys: shown once, stored as an HMAC, recognised, revoked."""

import asyncio
from datetime import timedelta
from typing import cast

import psycopg
import pytest
import structlog

from cashback.kernel.clock import monotonic_s
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id, new_secret
from cashback.kernel.principal import Principal, Rate, Scope
from cashback.purchases import ApiKeys
from cashback.purchases.model import OPERATOR, ApiKeyUnknown, FieldInvalid, MerchantUnknown, NewWallet, Order, Recorded
from cashback.purchases.model.api_keys import NewKey
from cashback.purchases.rules import key_text, secret_hmac
from cashback.purchases.service import KeyOrders
from cashback.purchases.service.api_keys import CACHE_TTL_S
from tests.integration.ledger.world import World, new_key, wallet_number

PEPPER = Secret("a pepper of a test")


@pytest.fixture
def keys(world: World) -> ApiKeys:
    """Give the keys of one process."""
    return ApiKeys(world.api, clock=world.clock, pepper=PEPPER)


async def test_a_key_is_recognised_by_its_secret(world: World, keys: ApiKeys) -> None:
    """An operator's key reaches everything, a merchant's names its merchant."""
    merchant = await world.merchant()
    operator_key, operator_secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    merchant_key, merchant_secret = await keys.create(scope=Scope.MERCHANT, merchant_id=merchant.id, label="shop")
    for _ in range(2):
        assert await keys.authenticate(operator_secret.value) == Principal(operator_key.id, Scope.OPERATOR, None)
        assert await keys.authenticate(merchant_secret.value) == Principal(merchant_key.id, Scope.MERCHANT, merchant.id)
    assert {key.id for key in await keys.list_keys()} == {operator_key.id, merchant_key.id}


async def test_a_caller_has_the_rights_of_its_key(world: World, keys: ApiKeys) -> None:
    """The scopes that it was made for and the rate of its own; without them, whatever its kind may."""
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops", scopes=["users:write", "users:read"])
    await world.rows("update purchases.api_keys set rate_per_s = 5, burst = 20 where id = %s", key.id)
    scopes, rate = frozenset({"users:read", "users:write"}), Rate(per_s=5, burst=20)
    for _ in range(2):
        assert await keys.authenticate(secret.value) == Principal(key.id, Scope.OPERATOR, None, scopes, rate)


async def test_nobody_is_let_in_by_anything_else(world: World, keys: ApiKeys) -> None:
    """Neither by nonsense, nor by a key's id with another secret, nor under another pepper."""
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    guess = key_text(key.id, kind="operator", secret=new_secret())
    nobodys = key_text(new_id("key"), kind="operator", secret=secret.value[-49:-6])
    raised = key_text(key.id, kind="merchant", secret=secret.value[-49:-6])
    before = f"{key.id}.{secret.value[-49:-6]}"
    for presented in ("", "nonsense", key.id, f"{key.id}.", f"{key.id}.guess", guess, nobodys, raised, before):
        assert await keys.authenticate(presented) is None
    other = ApiKeys(world.api, clock=world.clock, pepper=Secret("another pepper"))
    assert await other.authenticate(secret.value) is None


async def test_what_is_mistyped_is_not_looked_up(world: World, keys: ApiKeys) -> None:
    """It is refused though there is no database to ask."""
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    nowhere = ApiKeys(cast("Database", None), clock=world.clock, pepper=PEPPER)
    for presented in (secret.value[:-1], secret.value[:-1] + ("x" if secret.value[-1] != "x" else "y"), "cbk_op_"):
        assert await nowhere.authenticate(presented) is None
    with pytest.raises(AttributeError):
        await nowhere.authenticate(secret.value)


async def test_a_key_of_the_release_before_opens_still(world: World, keys: ApiKeys) -> None:
    """It has another form, and no checksum; whoever replaces it gets one of the present form, with its rights."""
    key_id, secret = new_id("key"), new_secret()
    text = f"{key_id}.{secret}"
    await world.rows(
        "insert into purchases.api_keys (id, secret_hmac, scope, label, created_at)"
        " values (%s, %s, 'operator', 'of before', %s)",
        key_id,
        secret_hmac(text, pepper=PEPPER.value),
        world.clock.now(),
    )
    assert await keys.authenticate(text) == Principal(key_id, Scope.OPERATOR, None)
    key, newer = await keys.rotate(key_id, overlap_s=0)
    assert await keys.authenticate(text) is None
    assert await keys.authenticate(newer.value) == Principal(key.id, Scope.OPERATOR, None)


async def test_a_replaced_key_keeps_its_rate(world: World, keys: ApiKeys) -> None:
    """As all of its rights."""
    old, _ = await keys.create(scope=Scope.OPERATOR, label="ops", scopes=["users:read"])
    await world.rows("update purchases.api_keys set rate_per_s = 5, burst = 20 where id = %s", old.id)
    key, secret = await keys.rotate(old.id)
    found = await keys.authenticate(secret.value)
    assert found == Principal(key.id, Scope.OPERATOR, None, frozenset({"users:read"}), Rate(per_s=5, burst=20))


async def test_a_revoked_key_lets_nobody_in(keys: ApiKeys) -> None:
    """At once in this process, though it was remembered; revoking twice is the same as once."""
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    assert await keys.authenticate(secret.value) is not None
    revoked = await keys.revoke(key.id)
    assert await keys.authenticate(secret.value) is None
    assert await keys.revoke(key.id) == revoked
    with pytest.raises(ApiKeyUnknown):
        await keys.revoke(new_id("key"))


async def test_a_key_opens_until_its_end(world: World, keys: ApiKeys) -> None:
    """To the instant, by the clock of whoever looks it up."""
    end = world.clock.now() + timedelta(hours=1)
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops", expires_at=end)
    world.clock.advance(timedelta(hours=1) - timedelta(microseconds=1))
    other = ApiKeys(world.api, clock=world.clock, pepper=PEPPER)
    assert await other.authenticate(secret.value) is not None
    world.clock.advance(timedelta(microseconds=1))
    assert await ApiKeys(world.api, clock=world.clock, pepper=PEPPER).authenticate(secret.value) is None
    assert next(one for one in await keys.list_keys() if one.id == key.id).expires_at == end


async def test_a_key_is_not_remembered_beyond_its_end(world: World, keys: ApiKeys) -> None:
    """The five seconds that spare look-ups do not make it any longer."""
    end = world.clock.now() + timedelta(milliseconds=20)
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops", expires_at=end)
    assert await keys.authenticate(secret.value) is not None
    world.clock.advance(timedelta(milliseconds=20))
    began_s = monotonic_s()
    while await keys.authenticate(secret.value) is not None:
        assert monotonic_s() - began_s < CACHE_TTL_S / 2


@pytest.mark.parametrize(
    "scopes,pointer",
    [([], "/scopes"), (["users:read", "nothing:read"], "/scopes/1"), (["users:read"] * 2, "/scopes/1")],
)
async def test_a_key_is_made_for_scopes_that_there_are(keys: ApiKeys, scopes: list[str], pointer: str) -> None:
    """Each named once; a key that is made for nothing is a mistake."""
    with pytest.raises(FieldInvalid) as refused:
        await keys.create(scope=Scope.OPERATOR, label="ops", scopes=scopes)
    assert refused.value.fields["pointer"] == pointer


async def test_a_key_does_not_end_before_it_begins(world: World, keys: ApiKeys) -> None:
    """Nor when it begins."""
    with pytest.raises(FieldInvalid):
        await keys.create(scope=Scope.OPERATOR, label="ops", expires_at=world.clock.now())


async def test_a_secret_is_nowhere_in_the_database(world: World, keys: ApiKeys) -> None:
    """Only an HMAC is stored, so a stolen database opens no door."""
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    stored = await world.one("select string_agg(api_keys::text, '') from purchases.api_keys")
    assert secret.value[-49:-6] not in str(stored)
    assert secret.value not in repr(secret)


async def test_what_opens_doors_and_sends_tokens_leaves_a_line_with_ids_alone(world: World, keys: ApiKeys) -> None:
    """Keys, wallets and programmes: who looks into it later finds what was changed, and neither secret nor address."""
    user = await world.user(wallet=None)
    with structlog.testing.capture_logs() as lines:
        key, secret = await keys.create(scope=Scope.OPERATOR, label="Anna of operations")
        await keys.revoke(key.id)
        await world.link(user, wallet_number(7))
        programme = await world.programme()
        await world.people.set_wallet(NewWallet(owner=OPERATOR, key="", user_id=user.id, wallet=wallet_number(8)))
    told = [(line["event"], line.get("key_id") or line.get("user_id") or line.get("programme_id")) for line in lines]
    assert told == [
        ("key.created", key.id),
        ("key.revoked", key.id),
        ("wallet.linked", user.id),
        ("programme.started", programme.id),
    ]
    for private in (secret.value[-49:-6], "Anna", wallet_number(7)):
        assert private not in repr(lines)


async def test_a_key_is_for_the_operator_or_for_one_known_merchant(keys: ApiKeys) -> None:
    """Anything in between is refused."""
    with pytest.raises(MerchantUnknown):
        await keys.create(scope=Scope.MERCHANT, merchant_id=new_id("mer"), label="shop")
    with pytest.raises(FieldInvalid):
        await keys.create(scope=Scope.MERCHANT, label="shop")
    with pytest.raises(FieldInvalid):
        await keys.create(scope=Scope.OPERATOR, label="")


async def test_a_revocation_goes_before_whoever_waits_to_make_keys(world: World, keys: ApiKeys) -> None:
    """Behind the one that is at it, and no other: a key that was lost is not open for as long as many are made."""
    orders = KeyOrders(keys)
    (asking, _), (lost, secret) = [await keys.create(scope=Scope.OPERATOR, label=label) for label in ("ops", "lost")]
    by, done = Principal(asking.id, Scope.OPERATOR, None), list[str]()

    async def do(what: str) -> None:
        """Make a key, or revoke the one that was lost, and tell when that was done."""
        order = Order(owner=OPERATOR, key=new_key(), key_id=asking.id, what="", terms=None)
        if what == "revoked":
            outcome = await orders.revoke(order, lost.id, by=by)
        else:
            outcome = await orders.create(order, NewKey(label="shop"), by=by)
        assert isinstance(outcome, Recorded)
        done.append(what)

    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("select pg_advisory_xact_lock(hashtextextended('purchases.api_keys', 0))")
        tasks = [asyncio.create_task(do("made")) for _ in range(4)]
        # Whoever asks takes its place in the line before it waits for anything else.
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(do("revoked")))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert done == ["made", "revoked", "made", "made", "made"]
    assert await keys.authenticate(secret.value) is None
