"""Purchases and refunds take what they share in one order: the parking of their merchants, cashbacks, keys (I7)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.outbox import partition_of
from cashback.ledger import PublishedRulesets, rebalance_campaign
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.stripes import home
from cashback.purchases.model import KeyReused, Merchant, Recorded, Refused
from cashback.purchases.model.refunds import RefundAnswer, RefundState
from cashback.purchases.service.once import Once
from cashback.purchases.service.recording import Recording
from tests.integration.ledger.adjusting import adjusted, adjustments_of, credit_of, debit_of
from tests.integration.ledger.programme_rules import budget_left, campaign, publish, rule
from tests.integration.ledger.refunding import ahead_of, give_back, refunded, refunds_of
from tests.integration.ledger.world import World, buy, decoded
from tests.support.facts import eventually


@asynccontextmanager
async def recording_of(world: World, merchant: Merchant) -> AsyncIterator[psycopg.AsyncConnection]:
    """Be a process that is recording a purchase of a merchant: nobody may park for it until that is done."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection:
        await connection.execute(
            "select pg_advisory_xact_lock_shared(hashtext('purchases:parking'), hashtext(%s) & 63)", (merchant.id,)
        )
        yield connection


async def waiting_for_parking(world: World, count: int) -> None:
    """Return once so many transactions of this database wait for a merchant's parking."""
    asked = (
        "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )

    async def look() -> bool | None:
        return (await world.one(asked) == count) or None

    await eventually(look, within_s=10, what=f"{count} wait for the parking of a merchant")


async def waiting_for_rows(world: World, count: int) -> None:
    """Return once so many transactions of this database wait for a row that another one has."""
    asked = (
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and wait_event in ('transactionid', 'tuple')"
    )

    async def look() -> bool | None:
        return (await world.one(asked) == count) or None

    await eventually(look, within_s=10, what=f"{count} wait for a row")


@pytest.mark.invariant("I7")
async def test_one_key_for_a_purchase_and_a_refund_that_is_parked_at_once_is_the_first_ones(world: World) -> None:
    """Neither waits for what the other holds: the refund is parked, and the purchase is told whose the key is (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    purchase = buy(user, merchant, reference="A-2")
    refund = ahead_of(merchant, "A-1", 4_000, key=purchase.key)
    now = world.clock.now()
    async with recording_of(world, merchant) as third:
        parked = asyncio.create_task(refunds_of(world).refund([refund]))
        await waiting_for_parking(world, 1)
        recorded = asyncio.create_task(
            Once(world.api, partial(Recording, now, PublishedRulesets()), now=now).do([purchase])
        )
        # Behind the refund, which waits for the parking to itself.
        await waiting_for_parking(world, 2)
        await third.rollback()
        [first], [second] = await parked, await recorded
    assert decoded(first, RefundAnswer).state is RefundState.PARKED
    assert isinstance(second, Refused)
    assert isinstance(second.error, KeyReused)


@pytest.mark.invariant("I7", "I8")
async def test_one_key_for_a_debit_and_a_refund_of_one_cashback_at_once_is_the_first_ones(world: World) -> None:
    """Both lock the cashback before the key, so neither of two processes waits for what the other holds (I7)."""
    await world.programme()
    [purchase] = await world.record(buy(await world.user(), await world.merchant()))
    refund = give_back(purchase, 4_000)
    debit = debit_of(purchase.cashback.id, 40, owner=refund.owner, key=refund.key)
    holds = "select from ledger.cashback_ledger where id = %s for update"
    async with (
        Database.open(world.dsns.of("cashback_api"), name="other", connections_max=1) as other,
        await psycopg.AsyncConnection.connect(world.dsns.superuser) as third,
    ):
        await third.execute(holds, (purchase.cashback.id,))
        returned = asyncio.create_task(refunds_of(world).refund([refund]))
        await waiting_for_rows(world, 1)
        taken_back = asyncio.create_task(adjustments_of(world, other).debit(debit))
        await waiting_for_rows(world, 2)
        await third.rollback()
        [first], second = await returned, await taken_back
    assert isinstance(first, Recorded)
    assert isinstance(second, Refused)
    assert isinstance(second.error, KeyReused)
    await world.assert_books_prove()


@pytest.mark.invariant("I6")
async def test_a_recording_that_grants_one_cashback_and_ends_another_locks_the_lanes_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of lanes 3 and 0 it waits for 0 without 3 in hand, so two of them never wait for each other (I6)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await refunded(world, ahead_of(merchant, "A-2", 10_000))
    ids = iter([_in_lane(3), _in_lane(0)])
    monkeypatch.setattr("cashback.ledger.service.accruals.new_id", lambda _: next(ids))
    purchases = [buy(user, merchant, reference=name) for name in ("A-1", "A-2")]
    now = world.clock.now()
    lanes = (
        "select objid from pg_locks where locktype = 'advisory' and granted and objsubid = 2"
        " and classid = (hashtext('outbox:ledger')::bigint & 4294967295)::oid"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
        await third.execute("select pg_advisory_xact_lock(hashtext('outbox:ledger'), 0)")
        recorded = asyncio.create_task(
            Once(world.api, partial(Recording, now, PublishedRulesets()), now=now).do(purchases)
        )
        await waiting_for_parking(world, 1)
        held = await world.rows(lanes)
        await third.rollback()
        await recorded
    assert held == [(0,)]
    told = "select type, partition from ledger.outbox_events order by position"
    assert sorted(await world.rows(told)) == [("cashback.approved", 3), ("cashback.voided", 0)]


def _in_lane(lane: int) -> str:
    """Return a cashback's id whose events are in this lane."""
    return next(id_ for id_ in iter(lambda: new_id("cb"), None) if partition_of(id_) == lane)


@pytest.mark.invariant("I8")
async def test_a_purchase_whose_refund_had_waited_locks_the_stripe_that_it_gives_back_to_in_order(world: World) -> None:
    """What goes back goes to the first stripe: it is locked before the one that pays, as whoever locks all does."""
    programme, user, merchant = await world.programme(), await world.user(), await world.merchant()
    pays = await campaign(world, programme, budget=10_000, stripes=2)
    async with world.api.transaction() as tx:
        await rebalance_campaign(tx, pays, now=world.clock.now())
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    await refunded(world, ahead_of(merchant, "A-1", 4_000))
    begun = (world.clock.now() - timedelta(minutes=each) for each in range(100))
    second = next(at for at in begun if home(user.id, at, stripes=2) == 1)
    first = "select from ledger.accounts where owner = %s and kind = 'budget' and stripe = 0 for update"
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
        await third.execute(first, (pays,))
        given = asyncio.create_task(adjusted(world, credit_of(await world.user(), programme.id, 100, campaign_id=pays)))
        await waiting_for_rows(world, 1)
        recorded = asyncio.create_task(world.record(buy(user, merchant, reference="A-1", occurred_at=second)))
        await waiting_for_rows(world, 2)
        await third.rollback()
        await given
        await recorded
    assert await budget_left(world, pays) == 10_000 - 100 - 600
    await world.assert_books_prove()
