"""From approved to minted: requested once, settled by outcomes in any order."""

import asyncio
from datetime import timedelta
from itertools import permutations

import msgspec
import psycopg
import pytest
from prometheus_client import REGISTRY

from cashback.events import decode
from cashback.events.ledger import TokenMintRequested
from cashback.events.minting import TokenMinted, TokenMintFailed
from cashback.ledger import State
from cashback.ledger.model import OutcomeContradicts, OutcomeUnknown
from tests.integration.ledger.world import (
    Dsns,
    World,
    buy,
    failed_outcome,
    minted_outcome,
    open_world,
    requests,
    wallet_number,
)
from tests.support.facts import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def states(world: World) -> list[str]:
    """Return the state of every cashback, in the order they were accrued."""
    return [str(row[0]) for row in await world.rows("select state from ledger.cashback_ledger order by position")]


async def test_a_request_freezes_number_recipient_and_amount(world: World) -> None:
    """The event carries what the row keeps, in the trace of the purchase (I3)."""
    await world.programme()
    user = await world.user(wallet=wallet_number(1))
    [answer] = await world.record(buy(user, await world.merchant(), traceparent=TRACE))
    await world.request()
    [event] = await world.events("ledger", "token.mint.requested")
    body = decode(event.data, TokenMintRequested, version=1)
    assert (body.cashback_id, body.recipient, body.token_units) == (answer.cashback.id, wallet_number(1), "1500000")
    assert (event.key, event.traceparent) == (answer.cashback.id, TRACE)
    cashback = await world.readings.cashback(answer.cashback.id)
    assert (cashback.state, cashback.mint_number) == (State.MINT_REQUESTED, int(body.mint_number))
    await world.link(user, wallet_number(2))
    assert (await world.readings.cashback(answer.cashback.id)).recipient == wallet_number(1)
    await world.assert_books_prove()


async def test_an_approval_that_is_delivered_again_requests_nothing_more(world: World) -> None:
    """Twice in one batch, again later, and in two workers at once: one request each (I5)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(*[buy(user, merchant) for _ in range(20)])
    async with open_world(world.dsns) as other:
        await asyncio.gather(*[each.request() for _ in range(3) for each in (world, other)])
    found = await requests(world)
    assert len(found) == 20
    assert len({each.mint_number for each in found}) == 20
    await world.assert_books_prove()


async def test_without_a_wallet_a_cashback_waits_until_there_is_one(world: World) -> None:
    """A wallet linked later releases what waited, and only that."""
    await world.programme()
    merchant, alice, bob = await world.merchant(), await world.user(wallet=None), await world.user(wallet=None)
    await world.record(buy(alice, merchant), buy(bob, merchant), buy(alice, merchant))
    await world.request()
    assert await states(world) == ["approved"] * 3
    await world.link(alice, wallet_number(1))
    swept = await world.sweeper.round()
    assert (swept.linked, await states(world)) == (2, ["mint_requested", "approved", "mint_requested"])
    assert (await world.sweeper.round()).linked == 0
    await world.assert_books_prove()


async def test_a_final_mint_settles_its_cashback(world: World) -> None:
    """The books move from in flight to minted, and the timeline tells the whole life."""
    await world.programme()
    user = await world.user()
    [answer] = await world.record(buy(user, await world.merchant()))
    await world.request()
    outcome = await minted_outcome(world)
    await world.settle(outcome)
    cashback = await world.readings.cashback(answer.cashback.id)
    assert (cashback.state, cashback.transaction_hash) == (State.MINTED, outcome.transaction_hash)
    assert (cashback.block_number, cashback.block_hash) == (int(outcome.block_number), outcome.block_hash)
    steps = await world.readings.timeline(cashback.id)
    assert [(step.from_state, step.to_state) for step in steps] == [
        (None, State.APPROVED),
        (State.APPROVED, State.MINT_REQUESTED),
        (State.MINT_REQUESTED, State.MINTED),
    ]
    _, [balance] = await world.readings.balances_of_user(user.id)
    assert (balance.minted, balance.in_flight.cashbacks, balance.granted) == (balance.granted, 0, balance.minted)
    await world.assert_books_prove()


async def test_how_long_a_mint_took_is_told_once_however_often_its_outcome_comes(world: World) -> None:
    """From its request, by the clock that business is done by."""
    name = "cashback_ledger_mint_duration_seconds"
    before = [REGISTRY.get_sample_value(f"{name}_{what}") or 0.0 for what in ("count", "sum")]
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    world.clock.advance(timedelta(hours=1))
    outcome = await minted_outcome(world)
    for _ in range(3):
        await world.settle(outcome)
    count, took_s = (REGISTRY.get_sample_value(f"{name}_{what}") or 0.0 for what in ("count", "sum"))
    assert count - before[0] == 1
    assert took_s - before[1] == pytest.approx(3_600)


@pytest.mark.invariant("I5", "I6")
async def test_outcomes_settle_alike_in_every_order(world: World) -> None:
    """Whatever comes first, last or twice: once its log is final, the cashback is minted (I5, I6)."""
    orders = list(permutations(["retry", "stuck", "minted", "minted-again"]))
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant) for _ in orders])
    await world.request()
    for order, answer in zip(orders, answers, strict=True):
        minted = await minted_outcome(world, answer.cashback.id)
        known: dict[str, TokenMinted | TokenMintFailed] = {
            "retry": await failed_outcome(world, answer.cashback.id, will_retry=True),
            "stuck": await failed_outcome(world, answer.cashback.id),
            "minted": minted,
            "minted-again": minted,
        }
        for name in order:
            await world.settle(known[name])
        await world.settle(*known.values())
    assert await states(world) == ["minted"] * len(orders)
    assert await world.one("select count(*) from ledger.transfers where cause = 'mint'") == len(orders)
    await world.assert_books_prove()


async def test_a_mint_that_cannot_proceed_is_stuck_and_says_why(world: World) -> None:
    """A failure that is retried changes nothing but the reason shown."""
    await world.programme()
    user = await world.user()
    [answer] = await world.record(buy(user, await world.merchant()))
    await world.request()
    await world.settle(await failed_outcome(world, reason="fee too high", will_retry=True))
    waiting = await world.readings.cashback(answer.cashback.id)
    assert (waiting.state, waiting.failure) == (State.MINT_REQUESTED, "fee too high")
    await world.settle(await failed_outcome(world, reason="recipient refused"))
    stuck = await world.readings.cashback(answer.cashback.id)
    assert (stuck.state, stuck.failure) == (State.STUCK, "recipient refused")
    _, [balance] = await world.readings.balances_of_user(user.id)
    assert balance.stuck == balance.granted
    await world.assert_books_prove()


async def test_a_mint_that_was_stuck_and_then_minted_failed_no_more(world: World) -> None:
    """The reason goes with the state it was of; the timeline keeps it, and the schema lets no minted one have any."""
    await world.programme()
    [answer] = await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    await world.settle(await failed_outcome(world, reason="recipient refused"))
    await world.settle(await minted_outcome(world))
    cashback = await world.readings.cashback(answer.cashback.id)
    assert (cashback.state, cashback.failure) == (State.MINTED, None)
    causes = [step.cause for step in await world.readings.timeline(cashback.id)]
    assert "recipient refused" in causes
    with pytest.raises(psycopg.errors.CheckViolation, match="cashback_minted_without_failure"):
        await world.rows("update ledger.cashback_ledger set failure = 'nothing' where state = 'minted'")


async def test_a_batch_of_both_outcomes_settles_each_and_a_mint_outdoes_a_failure(world: World) -> None:
    """Minted, stuck and to be retried in one transaction; a failure beside its mint changes nothing (I6)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    one, two, three = [answer.cashback.id for answer in await world.record(*[buy(user, merchant) for _ in range(3)])]
    await world.request()
    await world.settle(
        await failed_outcome(world, one),
        await failed_outcome(world, two, will_retry=True),
        await minted_outcome(world, one),
        await failed_outcome(world, three, will_retry=True),
        await failed_outcome(world, two, reason="in the end"),
    )
    assert await states(world) == ["minted", "stuck", "mint_requested"]
    found = [(await world.readings.cashback(cashback_id)).failure for cashback_id in (one, two, three)]
    assert found == [None, "in the end", "refused"]
    await world.assert_books_prove()


async def test_a_batch_of_both_outcomes_locks_its_cashbacks_in_one_order(world: World, dsns: Dsns) -> None:
    """Whoever waits for the first of them holds none of the later ones: no two batches wait in a circle."""
    await world.programme()
    merchant = await world.merchant()
    first, second = await world.record(buy(await world.user(), merchant), buy(await world.user(), merchant))
    await world.request()
    outcomes = await failed_outcome(world, first.cashback.id), await minted_outcome(world, second.cashback.id)
    lock = "select id from ledger.cashback_ledger where id = %s for update skip locked"

    async def look() -> bool | None:
        return bool(await world.rows("select pid from pg_stat_activity where wait_event_type = 'Lock'")) or None

    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute(lock.encode(), (first.cashback.id,))
        settling = asyncio.create_task(world.settle(*outcomes))
        await eventually(look, within_s=10, what="the batch waits for the first cashback")
        assert await world.rows(lock, second.cashback.id) == [(second.cashback.id,)]
        await holder.rollback()
    await settling
    assert await states(world) == ["stuck", "minted"]


async def test_an_outcome_of_nothing_or_of_something_else_is_refused(world: World) -> None:
    """An unknown number, another amount, another cashback: nothing of the batch is applied (I2)."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    outcome = await minted_outcome(world)
    with pytest.raises(OutcomeUnknown):
        await world.settle(outcome, msgspec.structs.replace(outcome, mint_number="999"))
    with pytest.raises(OutcomeContradicts):
        await world.settle(outcome, msgspec.structs.replace(outcome, token_units="1"))
    with pytest.raises(OutcomeContradicts):
        await world.settle(msgspec.structs.replace(outcome, cashback_id="cb_other"))
    assert await states(world) == ["mint_requested"]


async def test_a_worker_waits_for_nobody_who_is_requesting_the_same(world: World, dsns: Dsns) -> None:
    """What another worker holds is left to it: the approval is handled without waiting for its lock."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    held, free = await world.record(buy(user, merchant), buy(user, merchant))
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute("select from ledger.cashback_ledger where id = %s for update", (held.cashback.id,))
        await world.request()
        assert [each.cashback_id for each in await requests(world)] == [free.cashback.id]
    await world.request()
    assert len(await requests(world)) == 2
