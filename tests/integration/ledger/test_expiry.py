"""What waits for a wallet too long expires, and goes back to the budget that paid it (I1, I4, I8)."""

from datetime import timedelta

import psycopg
import pytest

from cashback.ledger.service import Queues
from tests.integration.ledger.lives import bought, budget_left, life_of, postings, steps, told, with_terms
from tests.integration.ledger.world import World, buy, requests, wallet_number

pytestmark = pytest.mark.invariant("I1", "I4", "I8")
DAYS = timedelta(days=90)


async def test_what_waited_long_enough_without_a_wallet_expires(world: World) -> None:
    """Not a moment before; its budget is whole again, and nothing is requested when a wallet comes later (I1, I4)."""
    await with_terms(world, expire_after_days=90)
    before = await budget_left(world)
    user, merchant = await world.user(wallet=None), await world.merchant()
    [answer] = await world.record(buy(user, merchant))
    world.clock.advance(DAYS - timedelta(seconds=1))
    assert (await life_of(world).round()).expired == 0
    world.clock.advance(timedelta(seconds=1))
    assert (await life_of(world).round()).expired == 1
    assert (await life_of(world).round()).expired == 0
    cashback_id = answer.cashback.id
    assert await steps(world, cashback_id) == ["approved", "expired"]
    assert (await postings(world, cashback_id))[1:] == [("expiry", "approved", "budget", 150)]
    assert await told(world, cashback_id) == ["cashback.approved", "cashback.expired"]
    assert await budget_left(world) == before
    await world.assert_books_prove()
    await world.link(user, wallet_number(5))
    await world.sweeper.round()
    await world.request()
    assert await requests(world) == []


async def test_a_wallet_that_is_linked_in_time_releases_what_waits_and_not_what_has_expired(world: World) -> None:
    """Two purchases, two months apart."""
    await with_terms(world, expire_after_days=90)
    user, merchant = await world.user(wallet=None), await world.merchant()
    [old] = await world.record(buy(user, merchant))
    world.clock.advance(DAYS - timedelta(days=30))
    [young] = await world.record(buy(user, merchant))
    world.clock.advance(timedelta(days=30))
    await life_of(world).round()
    await world.link(user, wallet_number(5))
    await world.sweeper.round()
    assert await steps(world, old.cashback.id) == ["approved", "expired"]
    assert await steps(world, young.cashback.id) == ["approved", "mint_requested"]
    await world.assert_books_prove()


async def test_the_wait_counts_from_the_approval_and_nobody_with_a_wallet_expires(world: World) -> None:
    """A hold is no wait of the user's; what a wallet has is on its way."""
    await with_terms(world, expire_after_days=30, hold_days=30)
    [held] = await bought(world, wallet=None)
    [linked] = await bought(world)
    world.clock.advance(timedelta(days=30))
    await life_of(world).round()
    world.clock.advance(timedelta(days=29))
    assert (await life_of(world).round()).expired == 0
    world.clock.advance(timedelta(days=1))
    assert (await life_of(world).round()).expired == 1
    assert await steps(world, held) == ["pending", "approved", "expired"]
    assert await steps(world, linked) == ["pending", "approved"]
    await world.assert_books_prove()


async def test_who_should_link_a_wallet_soon_is_listed_soonest_first(world: World) -> None:
    """Whoever does so leaves the list, and where nothing expires nobody is on it."""
    await with_terms(world, expire_after_days=90)
    merchant = await world.merchant()
    users = [await world.user(wallet=None) for _ in range(3)]
    ids = []
    for user in users:
        [answer] = await world.record(buy(user, merchant))
        ids.append(answer.cashback.id)
        world.clock.advance(timedelta(days=1))
    queues = Queues(world.api, clock=world.clock)
    world.clock.advance(timedelta(days=80) - timedelta(days=3))
    assert await queues.expiring(within=timedelta(days=9), limit=50) == []
    assert [item.cashback_id for item in await queues.expiring(within=timedelta(days=11), limit=50)] == ids[:2]
    await world.link(users[0], wallet_number(5))
    [item] = await queues.expiring(within=timedelta(days=11), limit=50)
    assert (item.cashback_id, item.expires_at) == (ids[1], world.clock.now() + timedelta(days=11))
    await world.rows("update ledger.programmes set expire_after_days = null")
    assert await queues.expiring(within=timedelta(days=11), limit=50) == []


async def test_what_a_refund_gave_back_before_is_not_given_back_again(world: World) -> None:
    """Of a cashback that shrank only the rest goes back: as the books have it, whoever posted the refund."""
    await with_terms(world, expire_after_days=90)
    before = await budget_left(world)
    [cashback_id] = await bought(world, wallet=None)
    with psycopg.connect(world.dsns.superuser, autocommit=True) as connection:
        connection.execute(
            "update ledger.cashback_ledger"
            " set net_minor = 50, payable_minor = 50, payable_units = 500000, debited_minor = 100"
        )
        connection.execute(
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, cashback_id, at)"
            " select debit.id, credit.id, 'USD', 100, debit.balance - 100, credit.balance + 100, 'refund', %s, now()"
            " from ledger.accounts as debit, ledger.accounts as credit"
            " where debit.kind = 'approved' and credit.kind = 'budget'",
            (cashback_id,),
        )
        connection.execute(
            "update ledger.accounts set balance = balance + case kind when 'budget' then 100 else -100 end"
            " where kind in ('budget', 'approved')"
        )
    await world.assert_books_prove()
    world.clock.advance(DAYS)
    await life_of(world).round()
    assert (await postings(world, cashback_id))[-1] == ("expiry", "approved", "budget", 50)
    assert await budget_left(world) == before
    await world.assert_books_prove()
