"""Following outcomes: each applied once, by whoever holds the lease, through crashes, zombies and new epochs."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from cashback.kernel.errors import Unavailable
from cashback.minting import Cursor, Halts, MintState, Readings
from cashback.minting.model import AdapterAnswerBroken
from cashback.wire.cashback.chain import v1
from tests.integration.minting.world import TRACE, World, cashback, eventually, request, running
from tests.support.fake_mints import Known


async def are_minted(world: World, *numbers: int) -> bool:
    """Tell whether these numbers, and no others, are minted."""
    return await world.states() == dict.fromkeys(numbers, "minted")


async def accepted(world: World, *numbers: int) -> None:
    """Take requests in and have the adapter accept them."""
    await world.take(*(request(number) for number in numbers))
    while await world.submitter().submit_due():
        pass


async def test_a_final_mint_is_published_with_its_place_on_the_chain(world: World) -> None:
    """The ledger gets number, cashback, amount, transaction and block; the trace goes on."""
    await world.mint(4)
    mint = await Readings(world.auditor).show(4)
    assert mint.inclusion is not None
    (event,) = await world.events()
    assert {**event, "id": ""} == {
        "type": "token.minted",
        "id": "",
        "key": cashback(4),
        "traceparent": TRACE,
        "mint_number": "4",
        "cashback_id": cashback(4),
        "token_units": "4000",
        "transaction_hash": f"0x{mint.inclusion.transaction_hash.hex()}",
        "block_number": "7",
        "block_hash": f"0x{mint.inclusion.block_hash.hex()}",
    }


async def test_a_mint_that_failed_for_good_is_stuck_and_published(world: World) -> None:
    """The ledger hears why, and that nobody will try again."""
    await accepted(world, 1)
    world.fake.fail(1, "recipient_reserved")
    await world.follow()
    assert await world.states() == {1: "stuck"}
    (event,) = await world.events()
    assert (event["type"], event["reason"], event["will_retry"]) == ("token.mint.failed", "recipient_reserved", False)


async def test_the_running_follower_applies_what_becomes_final_while_it_watches(world: World) -> None:
    """More than one message of the stream, in order."""
    await accepted(world, *range(1, 701))
    async with running(world.follower().run):
        world.fake.mint(range(1, 601))
        await eventually(lambda: _minted_count(world, 600))
        world.fake.mint()
        await eventually(lambda: are_minted(world, *range(1, 701)))
    assert len(await world.events("token.minted")) == 700


async def _minted_count(world: World, count: int) -> bool:
    """Tell whether so many mints are minted."""
    return (await Readings(world.auditor).counts()).get(MintState.MINTED) == count


@pytest.mark.invariant("I5")
async def test_a_follower_that_dies_before_its_commit_leaves_nothing_behind(world: World) -> None:
    """I5: mints, cursor and events are one transaction, so the next one applies the whole batch once."""
    await accepted(world, 1, 2)
    world.fake.mint()
    # The commit itself fails, after every statement of the application has succeeded.
    world.execute(
        """
        create function minting.refuse() returns trigger language plpgsql as $$
        begin raise exception 'killed' using errcode = 'admin_shutdown'; end $$;
        create constraint trigger dies after update on minting.outcome_cursor
            deferrable initially deferred for each row execute function minting.refuse();
        """
    )
    with pytest.raises(Unavailable):
        await world.follow()
    assert await world.states() == {1: "accepted", 2: "accepted"}
    assert (await Readings(world.auditor).cursor(), await world.events()) == (Cursor(), [])
    world.execute("drop function minting.refuse cascade")
    await world.follow("worker_1")
    assert await are_minted(world, 1, 2)
    assert len(await world.events()) == 2


@pytest.mark.invariant("I5")
async def test_a_batch_that_is_applied_again_changes_nothing(world: World) -> None:
    """I5: a stream that starts over from an old cursor tells nothing new."""
    await world.mint(1, 2)
    follower = world.follower()
    token = await follower.acquire()
    assert token is not None
    assert await follower.apply(token, await world.told(Cursor()))
    assert len(await world.events()) == 2
    assert await world.halts() == []


async def test_a_zombie_changes_nothing(world: World) -> None:
    """A follower that slept beyond its lease finds it gone, and its batch is the other one's to apply."""
    await accepted(world, 1)
    zombie, successor = world.follower("worker_1"), world.follower("worker_2")
    token = await zombie.acquire()
    assert token is not None
    assert await successor.acquire() is None
    world.execute("update minting.leases set expires_at = now() - interval '1 second'")
    fresh = await successor.acquire()
    assert fresh == token + 1
    world.fake.mint()
    batch = await world.told()
    assert not await zombie.apply(token, batch)
    assert (await world.states(), await world.events()) == ({1: "accepted"}, [])
    assert await successor.apply(fresh, batch)
    assert not await zombie.apply(token, batch)
    assert len(await world.events()) == 1


async def test_only_one_of_many_followers_follows_and_another_takes_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower that stops gives its lease back, so nobody waits for it to run out."""
    # None runs out while this test lasts: who takes over was given it.
    monkeypatch.setattr("cashback.minting.service.follower.LEASE_TTL_S", 3_600.0)
    await accepted(world, 1, 2)
    async with AsyncExitStack() as second:
        async with running(world.follower("worker_1").run):
            world.fake.mint([1])
            await eventually(lambda: _minted_count(world, 1))
            await second.enter_async_context(running(world.follower("worker_2").run))
            assert await world.follower("worker_3").acquire() is None
        world.fake.mint()
        await eventually(lambda: are_minted(world, 1, 2))
    assert len(await world.events()) == 2


@pytest.mark.invariant("I5")
async def test_a_new_epoch_is_read_from_its_beginning_without_repeating_anything(world: World) -> None:
    """I5: a rebuilt adapter tells all again in another order; what was known stays, and nothing is published twice."""
    await world.mint(1, 2, 3)
    await accepted(world, 4)
    before = await Readings(world.auditor).cursor()
    world.fake.rebuild()
    async with running(world.follower().run, world.submitter().run):
        await eventually(lambda: _is_in_epoch(world, world.fake.epoch, 3))
        # The adapter had forgotten what was not on the chain yet.
        await eventually(lambda: _knows(world, 4))
        world.fake.mint()
        await eventually(lambda: are_minted(world, 1, 2, 3, 4))
    assert before.epoch != world.fake.epoch
    assert [event["mint_number"] for event in await world.events()] == ["1", "2", "3", "4"]
    assert await world.halts() == []


async def _is_in_epoch(world: World, epoch: str, sequence: int) -> bool:
    """Tell whether the cursor stands there."""
    cursor = await Readings(world.auditor).cursor()
    return (cursor.epoch, cursor.sequence) == (epoch, sequence)


async def _knows(world: World, number: int) -> bool:
    """Tell whether the adapter has a number."""
    return number in world.fake.known


async def test_a_follower_outlives_the_adapter(world: World) -> None:
    """It comes back where it was, as often as it takes."""
    await accepted(world, 1, 2)
    async with running(world.follower().run):
        world.fake.mint([1])
        await eventually(lambda: _minted_count(world, 1))
        await world.fake.go_down()
        world.fake.mint()
        await world.fake.go_up()
        await eventually(lambda: are_minted(world, 1, 2))
    assert len(await world.events()) == 2


@pytest.mark.invariant("I3")
async def test_an_outcome_that_nobody_requested_halts_minting_and_harms_no_neighbour(world: World) -> None:
    """I3: somebody mints besides us; a person must look, and the others are settled meanwhile."""
    await accepted(world, 1)
    world.fake.known[9] = Known(cashback(9), (9).to_bytes(20), 9)
    world.fake.mint([9])
    world.fake.mint()
    await world.follow()
    assert await world.halts() == [("unrequested_outcome", 9, cashback(9))]
    assert await world.states() == {1: "minted"}
    assert [event["mint_number"] for event in await world.events()] == ["1"]


async def test_after_a_lifted_halt_the_outcomes_are_read_again(world: World) -> None:
    """What nobody had requested may have been requested since: its outcome must not be lost."""
    world.fake.known[9] = Known(cashback(9), (9).to_bytes(20), 9_000)
    world.fake.mint()
    async with running(world.follower().run):
        await eventually(lambda: _is_halted(world))
        await world.take(request(9))
        await Halts(world.operator).lift(by="alice", because="the cause is mended")
        await eventually(lambda: are_minted(world, 9))
    assert [event["mint_number"] for event in await world.events()] == ["9"]


async def _is_halted(world: World) -> bool:
    """Tell whether a halt is open."""
    return bool(await world.halts())


async def test_an_outcome_with_another_recipient_halts_minting_and_the_mint_is_stuck(world: World) -> None:
    """The number is used for somebody else, so what was requested can never be minted under it."""
    await accepted(world, 1)
    world.fake.known[1] = Known(cashback(1), (9).to_bytes(20), 1_000)
    world.fake.mint()
    await world.follow()
    assert await world.halts() == [("foreign_outcome", 1, cashback(1))]
    assert await world.states() == {1: "stuck"}
    assert [event["type"] for event in await world.events()] == ["token.mint.failed"]


async def test_a_final_mint_that_moves_to_another_block_halts_minting(world: World) -> None:
    """What was final is not final: a re-organisation went deeper than the operator chose."""
    await world.mint(1)
    inclusion = (await Readings(world.auditor).show(1)).inclusion
    world.fake.rebuild()
    outcome = world.fake._final[0]
    outcome.block_hash = bytes(32)
    await world.follow()
    assert await world.halts() == [("contradicted_outcome", 1, cashback(1))]
    assert (await Readings(world.auditor).show(1)).inclusion == inclusion


async def test_a_stuck_mint_that_is_on_the_chain_after_all_is_minted(world: World) -> None:
    """The chain is the truth, and the ledger hears it."""
    await accepted(world, 1)
    world.fake.fail(1, "skipped")
    await world.follow()
    assert await world.states() == {1: "stuck"}
    world.fake.tell(_minted_like(world.fake._final[0]))
    await world.follow()
    assert await world.states() == {1: "minted"}
    assert await world.halts() == []


def _minted_like(outcome: v1.Outcome) -> v1.Outcome:
    """Return the outcome of the same mint as minted."""
    return v1.Outcome(
        kind=v1.OutcomeKind.MINTED,
        number=outcome.number,
        cashback_id=outcome.cashback_id,
        recipient=outcome.recipient,
        amount=outcome.amount,
        transaction_hash=b"\x01" * 32,
        block_number=8,
        block_hash=b"\x02" * 32,
    )


async def test_an_adapter_that_breaks_the_contract_stops_the_process(world: World) -> None:
    """What cannot be trusted is not followed."""
    await accepted(world, 1)
    world.fake.mint()
    world.fake._final[0].block_hash = b"short"
    with pytest.raises(AdapterAnswerBroken):
        await world.follower().run(asyncio.Event())
    assert await world.states() == {1: "accepted"}
