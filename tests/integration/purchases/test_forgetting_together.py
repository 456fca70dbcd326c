"""Whoever forgets answers locks them alike, so nobody waits in a circle; and two releases forget side by side (I7)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import psycopg
import pytest

from cashback.purchases.model import OPERATOR, NewUser, Recorded, User
from cashback.purchases.model.ownership import NewChallenge
from cashback.purchases.model.privacy import Erasure
from cashback.purchases.service import REBUILDERS, AnswerForgetter, Erasing
from cashback.purchases.store import challenges
from cashback.purchases.store import forgetting as store
from tests.integration.ledger.world import World, new_key, wallet_number
from tests.integration.purchases.proving import Proving, judging
from tests.integration.purchases.test_wallets import waiting
from tests.support.facts import eventually

pytestmark = pytest.mark.invariant("I7")

IN_ANOTHER_ORDER: Final = (3, 1, 0, 4, 2)
ANSWERED: Final = "select key from purchases.idempotency_keys where key = any(%s) and answer is not null"
FREE: Final = "select key from purchases.idempotency_keys where key = any(%s) order by key for update skip locked"


async def challenged(world: World, keys: list[str]) -> User:
    """Return a user who was challenged two years ago under these keys, in another order than that of the keys."""
    user = await world.user(wallet=None)
    async with judging() as (_, adapter):
        ownership = Proving(world, adapter).ownership
        for place in IN_ANOTHER_ORDER:
            world.clock.advance(timedelta(seconds=7))
            asked = NewChallenge(
                owner=OPERATOR, key=keys[place], key_id=None, user_id=user.id, wallet=wallet_number(place + 1)
            )
            assert isinstance(await ownership.challenge(asked), Recorded)
    before = "interval '2 years'"
    await world.rows(
        f"update purchases.idempotency_keys set created_at = created_at - {before} where key = any(%s)", keys
    )
    await world.rows(
        f"update purchases.wallet_challenges set issued_at = issued_at - {before}, expires_at = expires_at - {before}"
    )
    return user


async def erase(world: World, user: User) -> None:
    """Erase the user."""
    command = Erasure(owner=OPERATOR, key=new_key(), user_id=user.id, person="ada", reason="asked for")
    assert isinstance(await Erasing(world.api, clock=world.clock).erase(command), Recorded)


async def forget_answers(world: World, _: User) -> None:
    """Forget what is thirty days old."""
    await AnswerForgetter(world.api, keep_days=30, deeds=REBUILDERS).forget(asyncio.Event())


async def forget_challenges(world: World, _: User) -> int:
    """Forget challenges that ended a day ago, and return how many."""
    async with world.api.transaction() as tx:
        return await challenges.forget(tx, now=world.clock.now(), limit=100)


@asynccontextmanager
async def held(world: World, key: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Have one key locked, until the connection lets go."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
        await third.execute("select from purchases.idempotency_keys where key = %s for update", (key,))
        yield third


@pytest.mark.parametrize("forget", [erase, forget_answers, forget_challenges])
async def test_answers_are_locked_in_the_order_of_their_keys(
    world: World, forget: Callable[[World, User], Awaitable[object]]
) -> None:
    """Who waits for the first of them has none of the others yet, in whatever order they were given (I7)."""
    keys = sorted(new_key() for _ in IN_ANOTHER_ORDER)
    user = await challenged(world, keys)
    async with held(world, keys[0]) as third:
        forgetting = asyncio.ensure_future(forget(world, user))
        await eventually(lambda: waiting(world), within_s=10, what="it waits for the first key")
        free = await world.rows(FREE, keys)
        await third.rollback()
        await forgetting
    assert free == [(key,) for key in keys[1:]]
    assert await world.rows(ANSWERED, keys) == []


async def test_challenges_of_whoever_is_being_erased_are_left_to_that(world: World) -> None:
    """They are locked before the keys by both: who forgets them meanwhile waits for nothing."""
    keys = sorted(new_key() for _ in IN_ANOTHER_ORDER)
    user = await challenged(world, keys)
    async with held(world, keys[0]) as third:
        erasing = asyncio.create_task(erase(world, user))
        await eventually(lambda: waiting(world), within_s=10, what="the erase waits for a key")
        assert await forget_challenges(world, user) == 0
        await third.rollback()
        await erasing
    assert await world.one("select count(*) from purchases.wallet_challenges") == 0


async def a_pass(world: World, deeds: list[str]) -> int:
    """Return how many commands a release looks at that can tell these again, until it has come to the end."""
    looked_at = 0
    while True:
        async with world.api.transaction() as tx:
            batch = await store.answers(tx, keep_days=30, deeds=deeds, limit=10)
        if not batch.looked_at:
            return looked_at
        looked_at += batch.looked_at


async def old_users(world: World, *, days: int) -> list[str]:
    """Return the keys of two commands of so long ago: one that every release can tell again, and one of the newer."""
    keys = [new_key() for _ in range(2)]
    await world.people.create_users([NewUser(owner=OPERATOR, key=key) for key in keys])
    done = "update purchases.idempotency_keys set created_at = now() - make_interval(days => %s) where key = any(%s)"
    await world.rows(done, days, keys)
    await world.rows("update purchases.idempotency_keys set what = 'tell_more' where key = %s", keys[1])
    return keys


async def test_two_releases_side_by_side_begin_nothing_anew_and_leave_nothing_out(world: World) -> None:
    """Whatever the older one has passed the newer looks at, once; neither has the other go back (I7)."""
    older, newer = ["create_user"], ["create_user", "tell_more"]
    first = await old_users(world, days=40)
    assert [await a_pass(world, deeds) for deeds in (newer, older, newer, older)] == [2, 0, 0, 0]
    assert await world.rows(ANSWERED, first) == []
    then = await old_users(world, days=35)
    assert await a_pass(world, older) == 2
    assert await world.rows(ANSWERED, then) == [(then[1],)]
    assert [await a_pass(world, deeds) for deeds in (newer, older, newer, older)] == [2, 0, 0, 0]
    assert await world.rows(ANSWERED, then) == []
    assert await world.rows("select known from purchases.answers_forgotten") == [(newer,)]
