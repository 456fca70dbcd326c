"""Handing mints over: in the order of numbers, in bounded calls, again after any failure, and never when halted."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from datetime import datetime
from typing import Final

import pytest
from grpclib.const import Status

from cashback.kernel.errors import Rejected, Unavailable
from cashback.minting import Halts, MintState, Readings
from cashback.minting.gateway import SUBMIT_MINTS_MAX
from cashback.minting.model import MintingHalted
from cashback.minting.service import submitter
from cashback.minting.store import mints
from cashback.wire.cashback.chain import v1
from tests.integration.minting.world import TRACE, World, cashback, dsn_of, eventually, request, running
from tests.support.fake_mints import Known

RECOVERED_WITHIN_S: Final = 10.0
"""How soon what a dead process had in hand is with another one."""


async def are_accepted(world: World, *numbers: int) -> bool:
    """Tell whether these numbers, and no others, are accepted."""
    return await world.states() == dict.fromkeys(numbers, "accepted")


async def test_due_mints_are_submitted_in_the_order_of_their_numbers(world: World) -> None:
    """The adapter packs neighbours cheaply."""
    await world.take(request(3), request(1))
    await world.take(request(2))
    assert await world.submitter().submit_due() == 3
    assert world.fake.submissions == [[1, 2, 3]]
    assert await are_accepted(world, 1, 2, 3)
    assert await world.due() == []


async def test_what_is_submitted_is_what_was_requested(world: World) -> None:
    """Cashback, recipient and amount reach the adapter unchanged."""
    await world.take(request(5, amount=2**63 - 1))
    await world.submitter().submit_due()
    assert world.fake.known == {5: Known(cashback(5), (5).to_bytes(20), 2**63 - 1)}


async def test_a_call_has_at_most_five_hundred_mints(world: World) -> None:
    """The rest follows in the next call, at once."""
    await world.take(*(request(number) for number in range(1, SUBMIT_MINTS_MAX + 11)))
    assert await world.submitter().submit_due() == SUBMIT_MINTS_MAX
    assert await world.submitter().submit_due() == 10
    assert await world.submitter().submit_due() == 0


@pytest.mark.invariant("I2")
async def test_submitters_side_by_side_share_the_work(world: World) -> None:
    """None submits what another has claimed."""
    await world.take(*(request(number) for number in range(1, 2_001)))
    taken = await asyncio.gather(*(world.submitter(f"worker_{name}").submit_due() for name in range(4)))
    assert taken == [SUBMIT_MINTS_MAX] * 4
    submitted = [number for call in world.fake.submissions for number in call]
    assert sorted(submitted) == list(range(1, 2_001))


async def test_the_running_submitter_hears_of_a_request_when_it_commits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not look all the time: here it would look again only after a minute."""
    monkeypatch.setattr(submitter, "POLL_S", 60.0)
    async with running(world.submitter().run) as stop:
        for number in range(1, 6):
            await world.take(request(number))
            await eventually(lambda: are_accepted(world, *range(1, number + 1)))  # noqa: B023  # awaited here
        stop.set()
        await world.take(request(6))


@pytest.mark.invariant("I4")
async def test_an_adapter_that_is_down_costs_time_and_nothing_else(world: World) -> None:
    """I4: claimed mints are given back, and all are accepted once it is up again."""
    await world.fake.go_down()
    await world.take(*(request(number) for number in range(1, 8)))
    with pytest.raises(Unavailable):
        await world.submitter().submit_due()
    assert set((await world.states()).values()) == {"requested"}
    async with running(world.submitter().run):
        await eventually(lambda: _was_tried(world, 2))
        await world.fake.go_up()
        await eventually(lambda: are_accepted(world, *range(1, 8)))


async def _was_tried(world: World, times: int) -> bool:
    """Tell whether the first mint was submitted at least so often."""
    return (await Readings(world.auditor).show(1)).submit_attempts >= times


async def test_an_adapter_that_dies_after_taking_a_call_is_asked_again_and_mints_once(world: World) -> None:
    """Its answer is lost, so it is unknown what it took; it knows each number."""
    await world.take(request(1))
    world.fake.answering.clear()
    asking = asyncio.ensure_future(world.submitter().submit_due())
    await eventually(lambda: _has_taken(world, 1))
    await world.fake.go_down()
    with pytest.raises(Unavailable):
        await asking
    world.fake.answering.set()
    await world.fake.go_up()
    async with running(world.submitter().run):
        await eventually(lambda: are_accepted(world, 1))
    assert world.fake.submissions == [[1], [1]]
    assert len(world.fake.known) == 1


async def _has_taken(world: World, number: int) -> bool:
    """Tell whether the adapter has a number."""
    return number in world.fake.known


@pytest.mark.invariant("I2", "I4")
async def test_what_a_killed_submitter_had_claimed_is_soon_submitted_by_another_one(world: World) -> None:
    """By kill -9, in the middle of its call: nobody need clean up after it, and each number is known once."""
    await world.take(request(1), request(2))
    world.fake.is_hanging = True
    words = ("-m", "tests.integration.minting.submitting", dsn_of("minting_worker", world.dsn), str(world.fake.port))
    child = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=DEVNULL, stderr=DEVNULL)
    await eventually(lambda: _was_tried(world, 1))
    child.kill()
    await child.wait()
    world.fake.is_hanging = False
    assert await world.submitter().submit_due() == 0
    async with running(world.submitter().run), asyncio.timeout(RECOVERED_WITHIN_S):
        await eventually(lambda: are_accepted(world, 1, 2))
    assert sorted(world.fake.known) == [1, 2]


@pytest.mark.deep
@pytest.mark.invariant("I2")
async def test_a_submitter_that_lives_keeps_its_claim_for_as_long_as_its_call_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call takes thrice as long as a claim lasts, and nobody else submits what it has."""
    monkeypatch.setattr(submitter, "CLAIM_HOLD_S", 1)
    monkeypatch.setattr(submitter, "RENEW_S", 0.2)
    await world.take(request(1))
    world.fake.answering.clear()
    asking = asyncio.ensure_future(world.submitter("slow").submit_due())
    await eventually(lambda: _was_tried(world, 1))
    ((began,),) = await world.rows("select submit_after from minting.mints")
    async with running(world.submitter("other").run):
        await eventually(lambda: _is_long_ago(world, began))
    world.fake.answering.set()
    assert await asking == 1
    assert world.fake.submissions == [[1]]
    assert await are_accepted(world, 1)
    assert await world.due() == []


async def test_a_claim_that_ran_out_is_not_renewed(world: World) -> None:
    """A submitter that stood still takes nothing back from whoever claims it next, nor what has been answered for."""
    await world.take(request(1), request(2), request(3))
    async with world.database.transaction() as tx:
        await mints.claim_due(tx, limit=3, hold_s=60)
        await mints.accept(tx, [2])
    world.execute("update minting.mints set submit_after = now() where number = 3")
    async with world.database.transaction() as tx:
        assert await mints.hold(tx, [1, 2, 3], hold_s=60) == 1
    assert await world.due() == [3]


async def _is_long_ago(world: World, began: datetime) -> bool:
    """Tell whether a claim that was to end at `began` would have ended twice more since."""
    ((is_so,),) = await world.rows("select clock_timestamp() > %s + interval '2 seconds'", began)
    return bool(is_so)


async def test_a_call_that_is_refused_as_a_whole_is_repeated_later(world: World) -> None:
    """The two releases may not fit together for a while; no mint is to blame."""
    await world.take(request(1))
    world.fake.refusal = Status.UNIMPLEMENTED
    with pytest.raises(Rejected):
        await world.submitter().submit_due()
    assert await world.states() == {1: "requested"}
    world.fake.refusal = None
    async with running(world.submitter().run):
        await eventually(lambda: are_accepted(world, 1))


async def test_a_mint_that_the_adapter_calls_invalid_is_stuck_and_told(world: World) -> None:
    """Its neighbours are accepted, and the ledger hears that a person must act."""
    await world.take(request(1), request(2), request(3))
    world.execute("update minting.mints set recipient = decode(repeat('00', 20), 'hex') where number = 2")
    await world.submitter().submit_due()
    assert await world.states() == {1: "accepted", 2: "stuck", 3: "accepted"}
    told = await world.events()
    assert [(event["type"], event["mint_number"], event["reason"], event["will_retry"]) for event in told] == [
        ("token.mint.failed", "2", "recipient_zero", False)
    ]
    assert (told[0]["key"], told[0]["traceparent"]) == (cashback(2), TRACE)
    assert await world.halts() == []


async def test_a_number_that_the_adapter_knows_otherwise_is_stuck_and_halts_minting(world: World) -> None:
    """On divergence nothing more is submitted until a person has looked."""
    world.fake.known[2] = Known(cashback(9), (9).to_bytes(20), 1)
    await world.take(request(1), request(2))
    await world.submitter().submit_due()
    assert await world.states() == {1: "accepted", 2: "stuck"}
    assert await world.halts() == [("adapter_conflict", 2, cashback(2))]
    assert [event["reason"] for event in await world.events()] == ["number_used_otherwise"]
    await world.take(request(3))
    assert await world.submitter().submit_due() == 0


async def test_a_halt_says_so_and_a_person_lifts_it(world: World) -> None:
    """The probe turns red, the page lists why, and afterwards everything that waited is submitted."""
    await world.take(request(1), request(1, cashback_id=cashback(9)))
    halts = Halts(world.database)
    with pytest.raises(MintingHalted, match="halted: foreign_fingerprint: "):
        await halts.check()
    assert [halt.cashback_id for halt in await Halts(world.auditor).list_open()] == [cashback(9)]
    operator = Halts(world.operator)
    assert [halt.kind for halt in await operator.lift(by="alice", because="a test")] == ["foreign_fingerprint"]
    assert await operator.lift(by="alice", because="a test") == []
    await halts.check()
    assert await world.rows("select lifted_by, lifted_because from minting.halts") == [("alice", "a test")]
    assert await world.submitter().submit_due() == 1


async def test_an_outcome_that_overtakes_the_acceptance_stays(world: World) -> None:
    """The stream may be faster than the answer to the call."""
    await world.take(request(1))
    world.fake.answering.clear()
    asking = asyncio.ensure_future(world.submitter().submit_due())
    await eventually(lambda: _has_taken(world, 1))
    world.fake.mint()
    await world.follow()
    world.fake.answering.set()
    assert await asking == 1
    mint = await Readings(world.auditor).show(1)
    assert (mint.state, mint.accepted_at) == (MintState.MINTED, None)
    assert await world.submitter().submit_due() == 0


async def test_a_mint_without_an_answer_in_the_adapters_list_is_submitted_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not answered for was not accepted."""
    await world.take(request(1), request(2))
    unanswered = v1.SubmitMintsResponseEntry(number=1, result=v1.SubmitResult.UNSPECIFIED)
    monkeypatch.setattr(world.fake, "_admit", lambda *_: unanswered)
    assert await world.submitter().submit_due() == 2
    assert await world.states() == {1: "requested", 2: "requested"}


async def test_a_submitter_told_to_stop_in_mid_call_ends_within_two_seconds(world: World) -> None:
    """The call is given up, the claim runs out later, and nothing is lost."""
    await world.take(request(1))
    world.fake.is_hanging = True
    async with running(world.submitter().run):
        await eventually(lambda: _was_tried(world, 1))
    assert await world.states() == {1: "requested"}


@pytest.mark.invariant("I4")
async def test_mints_that_were_due_by_a_clock_that_was_set_back_since_are_submitted(world: World) -> None:
    """Requested or claimed by that clock: nobody waits for the hour to come again."""
    await world.take(request(1), request(2))
    async with world.database.transaction() as tx:
        await mints.claim_due(tx, limit=1, hold_s=submitter.CLAIM_HOLD_S)
    world.execute("update minting.mints set submit_after = submit_after + interval '1 hour'")
    assert await world.submitter().submit_due() == 2
    assert await are_accepted(world, 1, 2)
