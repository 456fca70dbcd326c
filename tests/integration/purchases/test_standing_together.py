"""Blocks and deactivations at the very moment of purchases, wallets and each other: nobody waits in a circle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest

from cashback.kernel.db import Database
from cashback.ledger import PublishedRulesets
from cashback.purchases.model import OPERATOR, KeyReused, NewWallet, Recorded, Refused
from cashback.purchases.model.standing import BlockAnswer
from cashback.purchases.service.once import Once
from cashback.purchases.service.recording import Recording
from cashback.purchases.store import standing
from tests.integration.ledger.world import World, buy, decoded, wallet_number
from tests.integration.purchases.standings import activate, block, block_of, reasons, standings_of
from tests.support.facts import eventually

pytestmark = pytest.mark.invariant("I7")


@asynccontextmanager
async def holding(world: World, statement: str, *parameters: object) -> AsyncIterator[psycopg.AsyncConnection]:
    """Be a transaction that has locked what `statement` locks, until the block ends or rolls it back."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection:
        await connection.execute(statement.encode(), parameters)
        yield connection


async def waiting_for_rows(world: World, count: int) -> None:
    """Return once so many transactions of this database wait for a row that another one has."""
    asked = (
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and wait_event in ('transactionid', 'tuple')"
    )

    async def look() -> bool | None:
        return (await world.one(asked) == count) or None

    await eventually(look, within_s=10, what=f"{count} wait for a row")


async def test_a_purchase_in_flight_is_recorded_beside_a_block_that_is_not_committed_yet(world: World) -> None:
    """It waits for nothing, sees the user as they stood, and the block is the next purchase's."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    async with world.api.transaction() as tx:
        assert await standing.put(tx, standing.USERS, user.id, block_of(user), is_set=True, at=world.clock.now())
        [meanwhile] = await world.record(buy(user, merchant))
    assert meanwhile.cashback.reason == "granted"
    assert await reasons(world, (user, merchant)) == ["user_blocked"]


async def test_a_block_waits_for_no_purchase_that_is_being_recorded(world: World) -> None:
    """The purchase has looked and waits for its account; the block is done meanwhile, and both are what they were."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant))
    async with holding(world, "select from ledger.accounts for update") as third:
        recorded = asyncio.create_task(world.record(buy(user, merchant)))
        await waiting_for_rows(world, 1)
        assert (await block(world, user)).is_news
        await third.rollback()
        [answer] = await recorded
    assert answer.cashback.reason == "granted"
    await world.assert_books_prove()


async def test_one_key_for_a_purchase_and_a_block_at_once_is_the_first_one_s(world: World) -> None:
    """The block holds the key and waits for the user; the purchase waits for the key and for nothing else."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    command = block_of(user)
    purchase = buy(user, merchant, key=command.key)
    now = world.clock.now()
    async with holding(world, "select from purchases.users where id = %s for no key update", user.id) as third:
        blocked = asyncio.create_task(standings_of(world).set(command))
        await waiting_for_rows(world, 1)
        recorded = asyncio.create_task(
            Once(world.api, partial(Recording, now, PublishedRulesets()), now=now).do([purchase])
        )
        await waiting_for_rows(world, 2)
        await third.rollback()
        first, [second] = await blocked, await recorded
    assert decoded(first, BlockAnswer).is_news
    assert isinstance(second, Refused)
    assert isinstance(second.error, KeyReused)


async def test_a_block_and_a_wallet_under_one_key_wait_for_each_other_in_no_circle(world: World) -> None:
    """Both take the key before the user, each in a process of its own: in one, the second would wait for the first."""
    user = await world.user()
    command = block_of(user)
    wallet = NewWallet(owner=OPERATOR, key=command.key, user_id=user.id, wallet=wallet_number(77))
    async with (
        Database.open(world.dsns.of("cashback_api"), name="other", connections_max=1) as other,
        holding(world, "select from purchases.users where id = %s for no key update", user.id) as third,
    ):
        linked = asyncio.create_task(world.people.set_wallet(wallet))
        await waiting_for_rows(world, 1)
        blocked = asyncio.create_task(standings_of(world, other).set(command))
        await waiting_for_rows(world, 2)
        await third.rollback()
        first, second = await linked, await blocked
    assert isinstance(first, Recorded)
    assert isinstance(second, Refused)
    assert isinstance(second.error, KeyReused)


async def test_two_people_who_block_a_user_at_once_are_told_whose_word_it_is(world: World) -> None:
    """The second one looks once the first is done: one row is kept, and the other is no news."""
    user = await world.user()
    async with holding(world, "select from purchases.users where id = %s for no key update", user.id) as third:
        first = asyncio.create_task(block(world, user, person="alice"))
        await waiting_for_rows(world, 1)
        second = asyncio.create_task(block(world, user, person="bob"))
        await waiting_for_rows(world, 2)
        await third.rollback()
        told = [await first, await second]
    assert sorted(one.is_news for one in told) == [False, True]
    [(person,)] = await world.rows("select person from purchases.user_blocks")
    assert {one.person for one in told} == {person}


async def test_many_purchases_and_blocks_of_the_same_users_at_once_all_end(world: World) -> None:
    """Each purchase earns or is told why not, each change is kept once, and the last word is what stands."""
    await world.programme()
    users, merchants = [await world.user() for _ in range(3)], [await world.merchant() for _ in range(2)]
    answers, _ = await asyncio.gather(
        asyncio.gather(
            *[world.record(buy(user, merchant)) for _ in range(6) for user in users for merchant in merchants]
        ),
        asyncio.gather(
            *[block(world, user, is_blocked=bool(turn % 2)) for turn in range(6) for user in users],
            *[activate(world, merchant, is_active=bool(turn % 2)) for turn in range(6) for merchant in merchants],
        ),
    )
    told: set[str] = {one.cashback.reason for batch in answers for one in batch}
    assert told <= {"granted", "user_blocked", "merchant_inactive"}
    for user in users:
        said = await world.rows(
            "select is_blocked from purchases.user_blocks where user_id = %s order by position", user.id
        )
        assert [row[0] for row in said] == [place % 2 == 0 for place in range(len(said))]
        assert (await world.people.user(user.id)).is_blocked == bool(len(said) % 2)
    await world.assert_books_prove()
