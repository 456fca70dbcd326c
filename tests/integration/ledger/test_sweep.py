"""The sweep: whatever an event should have moved and did not, moves anyway (I4)."""

import asyncio
from datetime import timedelta

import pytest

from cashback.ledger import MintPolicy, State, Sweeper
from cashback.ledger.service.sweep import SKIPPED
from tests.integration.ledger.world import World, buy, minted_outcome, open_world, requests, wallet_number

pytestmark = pytest.mark.invariant("I4")


async def test_an_approval_whose_event_was_lost_is_requested_all_the_same(world: World) -> None:
    """Only after a while, so that the sweep does not race the event (I4)."""
    await world.programme()
    user = await world.user()
    await world.sweeper.round()
    await world.record(buy(user, await world.merchant()))
    assert (await world.sweeper.round()).missed == 0
    world.clock.advance(world.policy.missed_after + timedelta(seconds=1))
    assert (await world.sweeper.round()).missed == 1
    assert (await world.sweeper.round()).missed == 0
    await world.assert_books_prove()


async def test_the_sweep_walks_past_those_who_wait_for_a_wallet(world: World) -> None:
    """Many who have no wallet never keep the one behind them from being found; each round is bounded (I4)."""
    await world.programme()
    merchant, waiting, ready = await world.merchant(), await world.user(wallet=None), await world.user()
    await world.sweeper.round()
    await world.record(*[buy(waiting, merchant) for _ in range(7)], buy(ready, merchant))
    world.clock.advance(timedelta(hours=1))
    sweeper = Sweeper(world.worker, clock=world.clock, policy=MintPolicy(batch_max=3))
    assert [(await sweeper.round()).missed for _ in range(4)] == [0, 0, 1, 0]


async def test_a_request_without_an_outcome_goes_out_again_under_a_new_id_with_the_same_bytes(world: World) -> None:
    """Later each time; so even a wiped broker loses nothing (I4)."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant(), traceparent="00-1-2-01"))
    await world.request()
    assert (await world.sweeper.round()).reissued == 0
    for minutes in (2, 4, 8):
        world.clock.advance(timedelta(minutes=minutes))
        assert (await world.sweeper.round()).reissued == 1
        assert (await world.sweeper.round()).reissued == 0
    events = await world.events("ledger", "token.mint.requested")
    assert len({event.id for event in events}) == len(events) == 4
    assert len({(event.data, event.key, event.traceparent) for event in events}) == 1
    assert (await world.readings.mints())[0].reissues == 3


async def test_what_is_settled_is_never_requested_again(world: World) -> None:
    """A final outcome ends it."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    await world.settle(await minted_outcome(world))
    world.clock.advance(timedelta(days=30))
    assert (await world.sweeper.round()).reissued == 0


async def test_two_sweeps_at_once_repeat_nothing(world: World) -> None:
    """Each takes what the other does not hold (I5)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(*[buy(user, merchant) for _ in range(30)])
    world.clock.advance(timedelta(minutes=1))
    async with open_world(world.dsns) as other:
        other.clock.advance(timedelta(minutes=1))
        rounds = await asyncio.gather(*[each.sweeper.round() for each in (world, other) for _ in range(2)])
    assert sum(each.linked + each.missed for each in rounds) == 30
    assert len(await requests(world)) == 30
    await world.assert_books_prove()


@pytest.mark.parametrize("found", ["linked", "missed", "reissued"])
async def test_one_bad_cashback_holds_up_no_other(world: World, found: str) -> None:
    """Each part of a round finds the one that fails, leaves it out for a while, and moves its neighbours (I4)."""
    await world.programme()
    merchant = await world.merchant()
    users = [await world.user(wallet=None if found == "linked" else "any") for _ in range(9)]
    await world.sweeper.round()
    bad, *_ = [answer.cashback.id for answer in await world.record(*[buy(user, merchant) for user in users])]
    if found == "reissued":
        await world.request()
    for number, user in enumerate(users if found == "linked" else []):
        await world.link(user, wallet_number(number))
    sound = "reissues = 0" if found == "reissued" else "state = 'approved'"
    await world.rows(f"alter table ledger.cashback_ledger add constraint planted check (id <> '{bad}' or {sound})")
    world.clock.advance(timedelta(minutes=3))
    before = SKIPPED.labels(found)._value.get()
    rounds = [await world.sweeper.round() for _ in range(2)]
    assert [each.linked + each.missed + each.reissued for each in rounds] == [8, 0]
    assert SKIPPED.labels(found)._value.get() == before + 1
    await world.rows("alter table ledger.cashback_ledger drop constraint planted")
    world.clock.advance(world.policy.skip_for)
    await world.sweeper.round()
    cashback = await world.readings.cashback(bad)
    assert (cashback.state, cashback.reissues) == (State.MINT_REQUESTED, int(found == "reissued"))
    await world.assert_books_prove()


async def test_the_sweep_runs_until_it_is_told_to_stop(world: World) -> None:
    """It goes round by itself, and ends when told: one that does not hear it would go round for ever."""
    await world.programme()
    user = await world.user(wallet=None)
    await world.record(buy(user, await world.merchant()))
    sweeper = Sweeper(world.worker, clock=world.clock, policy=MintPolicy(sweep_every_s=0.01))
    stop = asyncio.Event()
    running = asyncio.create_task(sweeper.run(stop))
    await world.link(user, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    async with asyncio.timeout(10):
        while not await requests(world):
            pass
    stop.set()
    async with asyncio.timeout(20):
        await running
