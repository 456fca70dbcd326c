"""The same key and body give the same answer and one effect (I7)."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import psycopg
import pytest

from cashback.kernel.db import DatabaseUnavailable
from cashback.purchases.model import OPERATOR, KeyReused, NewMerchant, NewUser, NewWallet, Outcome, Recorded, Refused
from tests.integration.ledger.world import Dsns, World, buy, new_key, open_world, wallet_number

pytestmark = pytest.mark.invariant("I7")


async def purchases_stored(world: World) -> object:
    """Return how many purchases there are."""
    return await world.one("select count(*) from purchases.purchases")


async def test_a_repeated_request_gets_the_same_bytes_and_does_nothing(world: World) -> None:
    """The answer of the first time is given again, marked as a replay, whatever has become of the cashback (I7)."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    first = await world.purchases.record_one(purchase)
    await world.request()
    again = await world.purchases.record_one(msgspec.structs.replace(purchase, traceparent="00-1-2-01"))
    assert isinstance(first, Recorded)
    assert isinstance(again, Recorded)
    assert again.answer == first.answer
    assert (first.is_replay, again.is_replay) == (False, True)
    assert await purchases_stored(world) == 1
    assert len(await world.events("purchases", "purchase.created")) == 1


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    """A key stands for one request, for ever (I7)."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    await world.record(purchase)
    other = await world.purchases.record_one(msgspec.structs.replace(purchase, amount_minor=1))
    assert isinstance(other, Refused)
    assert isinstance(other.error, KeyReused)
    assert await purchases_stored(world) == 1


async def test_a_key_belongs_to_its_owner(world: World) -> None:
    """Two merchants that number their requests alike do not meet (I7)."""
    user, one, two = await world.user(), await world.merchant(), await world.merchant()
    await world.record(buy(user, one, key="1", owner=one.id), buy(user, two, key="1", owner=two.id))
    assert await purchases_stored(world) == 2


async def test_repeats_within_a_batch_are_answered_by_the_first_of_them(world: World) -> None:
    """A file that holds a line twice records it once; a line that differs is told so (I7)."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    differing = msgspec.structs.replace(purchase, amount_minor=5)
    first, repeat, other = await world.purchases.record([purchase, purchase, differing])
    assert isinstance(first, Recorded)
    assert isinstance(repeat, Recorded)
    assert repeat.answer == first.answer
    assert (first.is_replay, repeat.is_replay) == (False, True)
    assert isinstance(other, Refused)
    assert await purchases_stored(world) == 1


async def test_concurrent_repeats_in_two_processes_have_one_effect(world: World, dsns: Dsns) -> None:
    """Fifty clients send the same ten purchases to two processes at once: ten purchases, one answer each (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    commands = [buy(user, merchant, 10_000 + number) for number in range(10)]
    async with open_world(dsns) as other:
        outcomes = await asyncio.gather(
            *[each.purchases.record_one(command) for _ in range(5) for command in commands for each in (world, other)]
        )
    answers = [outcome.answer for outcome in outcomes if isinstance(outcome, Recorded)]
    assert len(answers) == 100
    assert len(set(answers)) == 10
    assert sum(isinstance(outcome, Recorded) and not outcome.is_replay for outcome in outcomes) == 10
    assert await purchases_stored(world) == 10
    await world.assert_books_prove()


async def test_a_refused_request_does_not_use_up_its_key(world: World) -> None:
    """What was wrong can be mended and sent again under the same key (I7)."""
    user, merchant = await world.user(), await world.merchant()
    wrong = buy(user, merchant, user_id="usr_" + 26 * "0")
    refused = await world.purchases.record_one(wrong)
    mended = await world.purchases.record_one(msgspec.structs.replace(wrong, user_id=user.id))
    assert isinstance(refused, Refused)
    assert isinstance(mended, Recorded)


async def test_every_answered_key_has_its_answer(world: World) -> None:
    """A key is never left reserved: it is committed with its answer or not at all (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(*[buy(user, merchant) for _ in range(5)])
    assert await world.one("select count(*) from purchases.idempotency_keys where answer is null") == 0


async def test_people_are_created_once_by_the_same_mechanism(world: World) -> None:
    """Users, wallets and merchants are commands like any other (I7)."""
    user = NewUser(owner=OPERATOR, key=new_key(), reference="c-1")
    merchant = NewMerchant(owner=OPERATOR, key=new_key(), name="Shop")
    known = await world.user(wallet=None)
    wallet = NewWallet(owner=OPERATOR, key=new_key(), user_id=known.id, wallet=wallet_number(1))
    commands: list[Callable[[], Awaitable[Outcome]]] = [
        partial(world.people.create_user, user),
        partial(world.people.create_merchant, merchant),
        partial(world.people.set_wallet, wallet),
    ]
    for create in commands:
        first, again = await create(), await create()
        assert isinstance(first, Recorded)
        assert again == Recorded(first.answer, is_replay=True)
    crossed = await world.people.create_merchant(msgspec.structs.replace(merchant, key=user.key))
    assert isinstance(crossed, Refused)
    assert isinstance(crossed.error, KeyReused)
    assert await world.one("select count(*) from purchases.users where reference = 'c-1'") == 1


async def test_a_locked_table_is_an_outage_and_no_key_is_called_busy(world: World) -> None:
    """A migration keeps everybody out: nobody is told that the first request under a key is still being answered."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as migration:
        await migration.execute("lock table purchases.idempotency_keys in access exclusive mode")
        with pytest.raises(DatabaseUnavailable):
            await world.purchases.record_one(purchase)
    assert isinstance(await world.purchases.record_one(purchase), Recorded)
