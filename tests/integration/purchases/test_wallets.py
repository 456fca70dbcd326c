"""Wallets set at the same time: what the API shows is where the tokens go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest

from cashback.purchases.model import OPERATOR, NewWallet, Recorded, User
from tests.integration.ledger.world import Dsns, World, decoded, new_key, open_world, wallet_number
from tests.support.facts import eventually

SLOW = """
create function purchases.dawdle() returns trigger language plpgsql as $$
begin
    if new.address = '{slow}' then
        perform pg_advisory_xact_lock(4711);
    end if;
    return new;
end
$$;
create trigger dawdling after insert on purchases.wallets for each row execute function purchases.dawdle();
"""


def change(user: User, wallet: str) -> NewWallet:
    """Return the command that sets a user's wallet."""
    return NewWallet(owner=OPERATOR, key=new_key(), user_id=user.id, wallet=wallet)


async def waiting(world: World) -> int | None:
    """Return how many backends wait for a lock, or None when nobody does."""
    found = await world.rows(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    return len(found) or None


@asynccontextmanager
async def dawdling(world: World, wallet: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Have whoever notes this wallet wait between that and telling the ledger, until the connection lets go."""
    await world.rows(SLOW.format(slow=wallet))
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("select pg_advisory_xact_lock(4711)")
        yield holder


@pytest.mark.parametrize("slow,quick", [(1, 2), (2, 1)])
async def test_of_two_wallets_set_at_once_the_one_shown_is_the_one_minted_to(
    world: World, dsns: Dsns, slow: int, quick: int
) -> None:
    """Two processes, in either order: the second waits for the first as a whole, in both contexts alike."""
    user = await world.user(wallet=wallet_number(3))
    async with open_world(dsns) as other, dawdling(world, wallet_number(slow)) as holder:
        first = asyncio.create_task(world.people.set_wallet(change(user, wallet_number(slow))))
        await eventually(partial(waiting, world), within_s=10, what="the first change waits half-way")
        second = asyncio.create_task(other.people.set_wallet(change(user, wallet_number(quick))))

        async def look() -> bool | None:
            return True if second.done() or (await waiting(world) or 0) > 1 else None

        await eventually(look, within_s=10, what="the second change has met the first, or is through")
        await holder.rollback()
        answers = [decoded(outcome, User) for outcome in await asyncio.gather(first, second)]
    shown = (await world.people.user(user.id)).wallet
    assert (await world.readings.balances_of_user(user.id))[0] == shown == wallet_number(quick)
    assert [answer.wallet for answer in answers] == [wallet_number(slow), wallet_number(quick)]


async def test_the_same_users_in_any_order_never_wait_for_each_other_in_a_circle(world: World, dsns: Dsns) -> None:
    """Batches that name the same users forwards and backwards, in two processes at once, are all done."""
    users = [await world.user() for _ in range(6)]
    async with open_world(dsns) as other:
        batches = [
            people.set_wallets(
                [change(user, wallet_number(100 * turn + place)) for place, user in enumerate(order, start)]
            )
            for turn in range(5)
            for people, order, start in ((world.people, users, 0), (other.people, users[::-1], 50))
        ]
        outcomes = [outcome for batch in await asyncio.gather(*batches) for outcome in batch]
    assert all(isinstance(outcome, Recorded) for outcome in outcomes)
    for user in users:
        wallet, _ = await world.readings.balances_of_user(user.id)
        assert (await world.people.user(user.id)).wallet == wallet
