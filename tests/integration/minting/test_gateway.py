"""The way to the adapter: every failure is named for what to do about it, and no answer is believed blindly."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.protocol import H2Protocol

from cashback.kernel.errors import Broken
from cashback.minting import Cursor, Readings, gateway
from cashback.minting.model import (
    AdapterAnswerBroken,
    AdapterRefused,
    AdapterUnavailable,
    AdapterUnintelligible,
    Mint,
    OutcomeBatch,
)
from cashback.wire.cashback.chain import v1
from tests.contract.rest.adapter import ScriptedAdapter
from tests.integration.minting.world import World, cashback, request
from tests.support.adapter import HOST
from tests.support.facts import eventually

NEVER_S = 3_600.0
"""In place of a bound that must not be what ends a test: a test is given two minutes."""


async def a_mint(world: World) -> Mint:
    """Return a stored mint."""
    await world.take(request(1))
    return await Readings(world.auditor).show(1)


@pytest.mark.parametrize(
    "status, kind",
    [
        (Status.UNAVAILABLE, AdapterUnavailable),
        (Status.DEADLINE_EXCEEDED, AdapterUnavailable),
        (Status.RESOURCE_EXHAUSTED, AdapterUnavailable),
        (Status.FAILED_PRECONDITION, AdapterUnavailable),
        (Status.INTERNAL, AdapterUnavailable),
        (Status.UNKNOWN, AdapterUnavailable),
        (Status.INVALID_ARGUMENT, AdapterRefused),
        (Status.UNIMPLEMENTED, AdapterRefused),
        (Status.UNAUTHENTICATED, AdapterRefused),
    ],
)
async def test_a_status_becomes_what_the_caller_should_do(
    world: World, status: Status, kind: type[AdapterUnavailable | AdapterRefused]
) -> None:
    """Try later, or change something: the same for calls and for the stream."""
    world.fake.refusal = status
    mint = await a_mint(world)
    with pytest.raises(kind) as caught:
        await world.adapter.submit([mint])
    assert caught.value.fields["status"] == status.name
    with pytest.raises(kind):
        await world.told()


async def test_an_adapter_that_does_not_answer_is_unavailable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call has its deadline, and the silent stream, too."""
    monkeypatch.setattr(gateway, "SUBMIT_DEADLINE_S", 0.1)
    monkeypatch.setattr(gateway, "STATUS_DEADLINE_S", 0.1)
    monkeypatch.setattr(gateway, "SILENCE_MAX_S", 0.1)
    world.fake.is_hanging = True
    mint = await a_mint(world)
    with pytest.raises(AdapterUnavailable, match="in time"):
        await world.adapter.submit([mint])
    with pytest.raises(AdapterUnavailable, match="in time"):
        await world.adapter.ping()
    with pytest.raises(AdapterUnavailable, match="in time"):
        await world.told()


async def test_an_adapter_that_is_not_there_is_unavailable_and_found_again(world: World) -> None:
    """The connection is renewed by the next call."""
    await world.fake.go_down()
    with pytest.raises(AdapterUnavailable, match="cannot be reached: nothing listens at its address"):
        await world.adapter.ping()
    await world.fake.go_up()
    await world.adapter.ping()


async def test_an_adapter_that_dies_while_it_is_watched_is_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken stream is told as such: no silence lasts long enough here."""
    monkeypatch.setattr(gateway, "SILENCE_MAX_S", NEVER_S)
    async with aclosing(world.adapter.watch(Cursor())) as batches:
        await anext(batches)
        await world.fake.go_down()
        with pytest.raises(AdapterUnavailable):
            await _last(batches)


async def _last(batches: AsyncIterator[OutcomeBatch]) -> None:
    """Read a stream to its end."""
    async for _ in batches:
        pass


async def test_no_call_is_made_inside_a_transaction(world: World) -> None:
    """Row locks never wait for the network."""
    mint = await a_mint(world)
    async with world.database.transaction():
        for call in (world.adapter.submit([mint]), world.adapter.ping(), world.told(Cursor())):
            with pytest.raises(Broken, match="inside a transaction"):
                await call


@pytest.mark.parametrize(
    "outcome",
    [
        v1.Outcome(kind=v1.OutcomeKind.MINTED, number=1, amount=1, recipient=bytes(20)),
        v1.Outcome(kind=v1.OutcomeKind.FAILED, number=1, amount=1, recipient=bytes(19)),
        v1.Outcome(kind=v1.OutcomeKind.FAILED, number=2**63, amount=1, recipient=bytes(20)),
        v1.Outcome(kind=v1.OutcomeKind.FAILED, number=1, amount=2**63, recipient=bytes(20)),
        v1.Outcome(kind=v1.OutcomeKind.UNSPECIFIED, number=1, amount=1, recipient=bytes(20)),
        v1.Outcome(
            kind=v1.OutcomeKind.MINTED,
            number=1,
            amount=1,
            recipient=bytes(20),
            transaction_hash=bytes(32),
            block_hash=bytes(32),
            block_number=2**64 - 1,
        ),
    ],
    ids=["no hashes", "short recipient", "large number", "large amount", "no kind", "large block"],
)
async def test_an_outcome_that_the_contract_rules_out_is_not_believed(world: World, outcome: v1.Outcome) -> None:
    """The wire's integers are larger than ours and its fields may all be missing."""
    outcome.cashback_id = cashback(1)
    world.fake.tell(outcome)
    with pytest.raises(AdapterAnswerBroken):
        await world.told()


async def test_an_answer_for_a_number_that_was_not_asked_about_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls' answers must never be mixed up."""
    wrong = v1.SubmitMintsResponseEntry(number=2, result=v1.SubmitResult.ACCEPTED)
    monkeypatch.setattr(world.fake, "_admit", lambda *_: wrong)
    with pytest.raises(AdapterAnswerBroken):
        await world.adapter.submit([await a_mint(world)])


@pytest.mark.parametrize("answer", [b"\x0a\x02\x0a\xff", b"\x08\x01"], ids=["no message", "another type"])
async def test_an_answer_that_is_no_message_is_told_as_nonsense_and_asked_for_again(
    world: World, answer: bytes
) -> None:
    """Somebody else on the adapter's port is no reason to die: the worker waits until the adapter is back."""
    mint = await a_mint(world)
    async with ScriptedAdapter.serving() as scripted, gateway.Adapter.connect(HOST, scripted.port) as adapter:
        scripted.answers = {"SubmitMints": answer, "WatchOutcomes": answer}
        with pytest.raises(AdapterUnintelligible):
            await adapter.submit([mint])
        async with aclosing(adapter.watch(Cursor())) as batches:
            with pytest.raises(AdapterUnintelligible):
                await anext(batches)


async def test_nobody_at_the_address_is_found_out_by_the_first_call(world: World) -> None:
    """A process starts without its adapter, and waits for it."""
    port = world.fake.port
    await world.fake.go_down()
    async with gateway.Adapter.connect(HOST, port) as adapter:
        with pytest.raises(AdapterUnavailable):
            await adapter.ping()


async def test_a_connection_that_is_lost_before_a_call_begins_is_the_adapter_s_absence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grpclib 0.4.9 stumbles there over what it has forgotten; the call is made again when the claim runs out."""
    mint = await a_mint(world)
    async with gateway.Adapter.connect(HOST, world.fake.port) as adapter:
        await adapter.ping()
        connect = Channel.__connect__

        async def lose(channel: Channel) -> H2Protocol:
            """Return the connection, closed in the meantime."""
            protocol: H2Protocol = await connect(channel)
            protocol.connection.close()
            return protocol

        monkeypatch.setattr(Channel, "__connect__", lose)
        with pytest.raises(AdapterUnavailable):
            await adapter.submit([mint])
        monkeypatch.setattr(Channel, "__connect__", connect)

        async def submitted() -> list[int] | None:
            """Return the numbers that were answered for, None until the channel has heard of its loss."""
            try:
                return [verdict.number for verdict in await adapter.submit([mint])]
            except AdapterUnavailable:
                return None

        assert await eventually(submitted, within_s=10, what="the channel connects again") == [1]
