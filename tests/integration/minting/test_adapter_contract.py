"""What minting relies on in the adapter (proto/cashback/chain/v1/chain.proto), kept by the fake as by the real one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Final

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from cashback.processes.embedded import HOST
from cashback.wire.answers import ReasonCodec, reason_of
from cashback.wire.cashback.chain import v1
from tests.integration.minting.asking import WITHIN_S, a_mint, cancel, outcomes, submit
from tests.integration.minting.subjects import Subject, a_fake, a_real_one
from tests.support.servers import Databases

ACCEPTED: Final = v1.SubmitResult.ACCEPTED
CONFLICT: Final = v1.SubmitResult.CONFLICT
INVALID: Final = v1.SubmitResult.INVALID


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, databases: Databases, anvil_program: Path) -> Iterator[Subject]:
    """Give the real adapter, one for all tests here."""
    with a_real_one(tmp_path_factory.mktemp("adapter"), databases, program=anvil_program) as subject:
        yield subject


@pytest.fixture(params=["fake", "real"])
def chosen(request: pytest.FixtureRequest) -> Subject | None:
    """Give the real adapter, or None for the fake, which lives in the test's own event loop."""
    found: Subject | None = request.getfixturevalue("real") if request.param == "real" else None
    return found


@pytest.fixture
async def subject(chosen: Subject | None) -> AsyncIterator[Subject]:
    """Give each of the two adapters."""
    if chosen is not None:
        yield chosen
        return
    async with a_fake() as fake:
        yield fake


@pytest.fixture
async def stub(subject: Subject) -> AsyncIterator[v1.ChainAdapterServiceStub]:
    """Give a client that adds nothing of its own."""
    channel = Channel(HOST, subject.port, status_details_codec=ReasonCodec())
    yield v1.ChainAdapterServiceStub(channel, timeout=WITHIN_S)
    channel.close()


@pytest.fixture
async def admin(subject: Subject) -> AsyncIterator[v1.ChainAdminServiceStub]:
    """Give an administrator's client that adds nothing of its own."""
    channel = Channel(HOST, subject.port, status_details_codec=ReasonCodec())
    yield v1.ChainAdminServiceStub(channel, timeout=WITHIN_S)
    channel.close()


async def test_new_mints_are_accepted_each_by_itself(stub: v1.ChainAdapterServiceStub) -> None:
    """One answer for each number, in one call."""
    mints = [a_mint() for _ in range(5)]
    assert await submit(stub, *reversed(mints)) == {mint.number: ACCEPTED for mint in mints}


@pytest.mark.invariant("I2")
async def test_a_mint_submitted_again_is_accepted_again_and_has_one_outcome(
    stub: v1.ChainAdapterServiceStub, subject: Subject
) -> None:
    """I2: before and after it is final, the number is the key."""
    mint, last = a_mint(), a_mint()
    assert await submit(stub, mint) == {mint.number: ACCEPTED}
    assert await submit(stub, mint) == {mint.number: ACCEPTED}
    await outcomes(stub, subject, mint.number)
    assert await submit(stub, mint, last) == {mint.number: ACCEPTED, last.number: ACCEPTED}
    _, found = await outcomes(stub, subject, last.number)
    assert [outcome.number for outcome in found].count(mint.number) == 1


@pytest.mark.parametrize(
    "bad, reason",
    [
        (a_mint(10**6, recipient=bytes(20)), "recipient_zero"),
        (a_mint(10**6 + 1, amount=0), "amount_out_of_range"),
        (a_mint(10**6 + 2, amount=2**63), "amount_out_of_range"),
        (a_mint(0), "number_out_of_range"),
        (a_mint(2**63), "number_out_of_range"),
    ],
)
async def test_what_can_never_be_minted_is_invalid_with_a_stable_reason_and_harms_no_neighbour(
    stub: v1.ChainAdapterServiceStub, bad: v1.Mint, reason: str
) -> None:
    """The caller learns it at once, and no gas is spent on it."""
    good = a_mint()
    answer = await stub.submit_mints(v1.SubmitMintsRequest(mints=[bad, good]))
    assert {entry.number: (entry.result, entry.reason) for entry in answer.entries} == {
        bad.number: (INVALID, reason),
        good.number: (ACCEPTED, ""),
    }


async def test_more_than_a_thousand_mints_are_refused_as_a_whole(stub: v1.ChainAdapterServiceStub) -> None:
    """Everything is bounded, and a refusal says by a stable code and a sentence who refused what."""
    with pytest.raises(GRPCError) as caught:
        await submit(stub, *(a_mint(2 * 10**6 + number) for number in range(1_001)))
    assert (caught.value.status, reason_of(caught.value)) == (Status.INVALID_ARGUMENT, "too_many_mints")
    assert "1,000" in str(caught.value.message).replace("1000", "1,000")


@pytest.mark.invariant("I3")
async def test_an_outcome_says_what_was_minted_and_where(stub: v1.ChainAdapterServiceStub, subject: Subject) -> None:
    """I3: it is what was submitted, and its hashes are whole."""
    mint = a_mint(amount=290_000)
    await submit(stub, mint)
    _, found = await outcomes(stub, subject, mint.number)
    (outcome,) = [outcome for outcome in found if outcome.number == mint.number]
    assert outcome.kind == v1.OutcomeKind.MINTED
    assert (outcome.cashback_id, outcome.recipient, outcome.amount) == (mint.cashback_id, mint.recipient, 290_000)
    assert (len(outcome.transaction_hash), len(outcome.block_hash)) == (32, 32)
    assert 0 < outcome.block_number < 2**63


@pytest.mark.invariant("I5")
async def test_the_stream_goes_on_after_the_cursor_in_ascending_order(
    stub: v1.ChainAdapterServiceStub, subject: Subject
) -> None:
    """I5: whoever stores the last sequence misses nothing and gets nothing twice."""
    first, second = [a_mint() for _ in range(3)], [a_mint() for _ in range(3)]
    await submit(stub, *first)
    epoch, before = await outcomes(stub, subject, *(mint.number for mint in first))
    await submit(stub, *second)
    again, after = await outcomes(
        stub, subject, *(mint.number for mint in second), epoch=epoch, after=before[-1].sequence
    )
    assert (again, bool(epoch)) == (epoch, True)
    sequences = [outcome.sequence for outcome in [*before, *after]]
    assert sequences == sorted(set(sequences))
    assert not {outcome.number for outcome in before} & {outcome.number for outcome in after}


async def test_a_cursor_of_another_epoch_starts_from_the_beginning(
    stub: v1.ChainAdapterServiceStub, subject: Subject
) -> None:
    """Its sequence means nothing here."""
    mint = a_mint()
    await submit(stub, mint)
    epoch, found = await outcomes(stub, subject, mint.number)
    other, again = await outcomes(stub, subject, mint.number, epoch="epo_another", after=found[-1].sequence)
    assert (other, again) == (epoch, found)


async def test_a_cursor_ahead_of_the_stream_is_refused_by_its_code(
    stub: v1.ChainAdapterServiceStub, subject: Subject
) -> None:
    """What comes next would stand before the cursor, and never be told."""
    mint = a_mint()
    await submit(stub, mint)
    epoch, found = await outcomes(stub, subject, mint.number)
    with pytest.raises(GRPCError) as caught:
        await outcomes(stub, subject, epoch=epoch, after=found[-1].sequence + 1)
    assert (caught.value.status, reason_of(caught.value)) == (Status.FAILED_PRECONDITION, "cursor_ahead")


async def test_a_cursor_at_an_outcome_of_another_number_is_refused_by_its_code(
    stub: v1.ChainAdapterServiceStub, subject: Subject
) -> None:
    """A stream that was restored and has grown again; who tells no number, or the right one, is served."""
    mint = a_mint()
    await submit(stub, mint)
    epoch, found = await outcomes(stub, subject, mint.number)
    last = found[-1]

    async def first(number: int) -> list[v1.Outcome]:
        """Return what the stream brings first after the last outcome, said to be about `number`."""
        request = v1.WatchOutcomesRequest(epoch=epoch, after_sequence=last.sequence, after_number=number)
        async with asyncio.timeout(WITHIN_S), aclosing(stub.watch_outcomes(request)) as batches:  # type: ignore[type-var]  # as above
            return (await anext(batches)).outcomes

    assert (await first(last.number), await first(0)) == ([], [])
    with pytest.raises(GRPCError) as caught:
        await first(last.number + 1)
    assert (caught.value.status, reason_of(caught.value)) == (Status.FAILED_PRECONDITION, "cursor_foreign")


async def test_a_stream_without_news_gives_signs_of_life(stub: v1.ChainAdapterServiceStub, subject: Subject) -> None:
    """Silence means that the connection is lost, so there is never much of it."""
    mint = a_mint()
    await submit(stub, mint)
    epoch, found = await outcomes(stub, subject, mint.number)
    request = v1.WatchOutcomesRequest(epoch=epoch, after_sequence=found[-1].sequence)
    async with asyncio.timeout(10), aclosing(stub.watch_outcomes(request)) as batches:  # type: ignore[type-var]  # as above
        signs = [await anext(batches) for _ in range(2)]
    assert [(sign.epoch, sign.outcomes) for sign in signs] == [(epoch, [])] * 2


@pytest.mark.invariant("I2", "I3")
async def test_a_cancelled_mint_fails_as_retired_and_can_be_submitted_no_more(
    stub: v1.ChainAdapterServiceStub, admin: v1.ChainAdminServiceStub, subject: Subject
) -> None:
    """Whether it was submitted before or not; who asks again, for either, is told how it ended."""
    unknown = a_mint()
    assert await cancel(admin, unknown) in {v1.CancelResult.ORDERED, v1.CancelResult.RETIRING}
    assert await submit(stub, unknown) in [{unknown.number: ACCEPTED}, {unknown.number: INVALID}]
    _, found = await outcomes(stub, subject, unknown.number)
    (outcome,) = [outcome for outcome in found if outcome.number == unknown.number]
    assert (outcome.kind, outcome.reason) == (v1.OutcomeKind.FAILED, "number_retired")
    assert (outcome.cashback_id, outcome.amount) == (unknown.cashback_id, unknown.amount)
    assert await cancel(admin, unknown) == v1.CancelResult.RETIRED
    answer = await stub.submit_mints(v1.SubmitMintsRequest(mints=[unknown]))
    assert [(entry.result, entry.reason) for entry in answer.entries] == [(INVALID, "number_retired")]


async def test_a_mint_that_is_final_cannot_be_cancelled(
    stub: v1.ChainAdapterServiceStub, admin: v1.ChainAdminServiceStub, subject: Subject
) -> None:
    """Its outcome stays the only one."""
    mint, last = a_mint(), a_mint()
    await submit(stub, mint)
    await outcomes(stub, subject, mint.number)
    assert await cancel(admin, mint) == v1.CancelResult.SETTLED
    await submit(stub, last)
    _, found = await outcomes(stub, subject, last.number)
    assert [outcome.kind for outcome in found if outcome.number == mint.number] == [v1.OutcomeKind.MINTED]


async def test_the_highest_number_is_known_that_was_submitted_or_told(stub: v1.ChainAdapterServiceStub) -> None:
    """It never falls; a ledger that knows as many is not behind; what no ledger gives out is refused."""
    mint = a_mint()
    await submit(stub, mint)
    before = (await stub.get_status(v1.GetStatusRequest())).known_number
    assert before >= mint.number
    for number, expected in ((before + 1, before + 1), (1, before + 1)):
        told = await stub.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.MINTING, number=number))
        assert (told.known_number, told.is_behind) == (expected, False)
    status = await stub.get_status(v1.GetStatusRequest())
    assert (status.known_number, status.minting_told_ms_ago > 0) == (before + 1, True)
    told = await stub.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.LEDGER, number=before + 1))
    assert (told.known_number, told.is_behind) == (before + 1, False)
    with pytest.raises(GRPCError) as caught:
        await stub.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.MINTING, number=2**62 + 1))
    assert (caught.value.status, reason_of(caught.value)) == (Status.INVALID_ARGUMENT, "number_impossible")


async def test_a_number_with_another_fingerprint_conflicts_and_the_first_mint_stays(
    stub: v1.ChainAdapterServiceStub, subject: Subject
) -> None:
    """Whichever of the three differs; neighbours are accepted. It halts the real adapter, so nothing may come after."""
    first, neighbour = a_mint(), a_mint()
    await submit(stub, first)
    _, before = await outcomes(stub, subject, first.number)
    recipient, amount, cashback = (
        a_mint(first.number, recipient=b"\x0b" * 20),
        a_mint(first.number),
        a_mint(first.number),
    )
    amount.amount += 1
    cashback.cashback_id = "cb_another"
    for second in (recipient, amount, cashback):
        assert await submit(stub, second, neighbour) == {first.number: CONFLICT, neighbour.number: ACCEPTED}
    _, after = await outcomes(stub, subject, first.number)
    assert after == before


async def test_a_cancellation_with_another_fingerprint_conflicts(
    stub: v1.ChainAdapterServiceStub, admin: v1.ChainAdminServiceStub
) -> None:
    """The first mint stays; the real adapter may be halted by now, which refuses no order."""
    mint = a_mint()
    await submit(stub, mint)
    assert await cancel(admin, a_mint(mint.number, amount=mint.amount + 1)) == v1.CancelResult.CONFLICT


async def test_a_ledger_that_knows_fewer_numbers_is_behind(stub: v1.ChainAdapterServiceStub) -> None:
    """It halts the real adapter as well, so nothing may come after."""
    known = (
        await stub.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.MINTING, number=7_000_000))
    ).known_number
    told = await stub.tell_number(v1.TellNumberRequest(teller=v1.NumberTeller.LEDGER, number=known - 1))
    assert (told.known_number, told.is_behind) == (known, True)
