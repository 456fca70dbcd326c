"""Requests as they arrive: new, again, in any order, after the outcome, and with what cannot be true."""

import asyncio

import msgspec
import pytest

from cashback.kernel.errors import Invalid
from cashback.minting import MintState, Readings
from tests.integration.minting.world import TRACE, World, cashback, request, wallet


async def test_a_request_is_stored_as_it_came_and_due_at_once(world: World) -> None:
    """Number, cashback, recipient, amount, time and trace are those of the event."""
    await world.take(request(7))
    mint = await Readings(world.auditor).show(7)
    assert (mint.cashback_id, mint.recipient.hex(), mint.amount) == (cashback(7), wallet(7)[2:], 7_000)
    assert (mint.state, mint.traceparent, mint.submit_attempts) == (MintState.REQUESTED, TRACE, 0)
    assert await world.due() == [7]


@pytest.mark.invariant("I2", "I5")
async def test_the_same_request_under_any_number_of_event_ids_is_one_mint(world: World) -> None:
    """I5: in one batch, in the next and in two at once; I2: there is one row to submit."""
    await world.take(request(1), request(1), request(2))
    await world.take(request(2), request(1))
    await asyncio.gather(*(world.take(request(3), request(2), request(1)) for _ in range(4)))
    assert await world.states() == {1: "requested", 2: "requested", 3: "requested"}
    assert await world.halts() == []


async def test_a_request_that_comes_again_without_an_outcome_is_submitted_again_now(world: World) -> None:
    """Whoever asks again may know that the adapter forgot."""
    await world.take(request(1))
    await world.submitter().submit_due()
    assert (await world.states(), await world.due()) == ({1: "accepted"}, [])
    await world.take(request(1))
    assert (await world.states(), await world.due()) == ({1: "accepted"}, [1])


@pytest.mark.invariant("I4", "I5")
async def test_a_request_that_comes_again_after_its_outcome_has_it_told_again_under_a_new_id(world: World) -> None:
    """I4, I5: even a wiped broker loses no outcome, since the ledger asks again."""
    await world.mint(1, 2)
    told = await world.events("token.minted")
    await world.take(request(2), request(1), request(2))
    again = (await world.events("token.minted"))[len(told) :]
    assert [event["mint_number"] for event in again] == ["2", "1", "2"]
    assert len({event["id"] for event in [*told, *again]}) == 5
    assert {**again[1], "id": ""} == {**told[0], "id": ""}
    assert await world.due() == []


async def test_a_stuck_mint_is_told_again_too(world: World) -> None:
    """The ledger must learn that a person has to act."""
    await world.take(request(1))
    await world.submitter().submit_due()
    world.fake.fail(1, "skipped")
    await world.follow()
    await world.take(request(1))
    told = await world.events("token.mint.failed")
    assert [(event["cashback_id"], event["reason"], event["will_retry"]) for event in told] == [
        (cashback(1), "skipped", False)
    ] * 2


@pytest.mark.invariant("I2")
async def test_another_fingerprint_under_a_known_number_is_refused_and_halts_minting(world: World) -> None:
    """I2: the refused cashback is stuck, the first one stays as it is, and nothing is submitted any more."""
    await world.take(request(1), request(2))
    await world.take(request(1, cashback_id=cashback(9)), request(3))
    assert await world.halts() == [("foreign_fingerprint", 1, cashback(9))]
    assert await world.states() == {1: "requested", 2: "requested", 3: "requested"}
    assert (await Readings(world.auditor).show(1)).cashback_id == cashback(1)
    told = await world.events()
    assert [(event["type"], event["cashback_id"], event["mint_number"], event["will_retry"]) for event in told] == [
        ("token.mint.failed", cashback(9), "1", False)
    ]
    assert await world.submitter().submit_due() == 0
    assert world.fake.submissions == []


async def test_a_foreign_fingerprint_in_the_same_batch_is_refused_too(world: World) -> None:
    """The first in the order of the stream has the number."""
    await world.take(request(1), request(1, cashback_id=cashback(9)))
    assert (await Readings(world.auditor).show(1)).cashback_id == cashback(1)
    assert await world.halts() == [("foreign_fingerprint", 1, cashback(9))]


@pytest.mark.parametrize("change", [{"recipient": wallet(9)}, {"amount": 1}], ids=["recipient", "amount"])
async def test_a_cashback_whose_terms_changed_halts_minting_and_is_not_called_stuck(
    world: World, change: dict[str, object]
) -> None:
    """Its frozen terms are in flight: a person decides, and the ledger hears nothing untrue."""
    await world.take(request(1))
    await world.take(request(1, **change))  # type: ignore[arg-type]  # one keyword of two types
    assert await world.halts() == [("foreign_fingerprint", 1, cashback(1))]
    assert await world.events() == []


@pytest.mark.invariant("I2")
async def test_a_cashback_under_a_second_number_halts_minting_and_is_not_stored_twice(world: World) -> None:
    """I2: the token refuses a number twice, not a cashback twice; that is refused here."""
    await world.take(request(1))
    await world.take(request(2, cashback_id=cashback(1)))
    assert await world.states() == {1: "requested"}
    assert await world.halts() == [("second_number", 2, cashback(1))]
    assert await world.events() == []


async def test_a_refused_request_that_comes_again_is_told_again_and_halts_once(world: World) -> None:
    """The ledger repeats what it hears nothing of; one open halt is enough for a person."""
    await world.take(request(1))
    for _ in range(3):
        await world.take(request(1, cashback_id=cashback(9)))
    assert len(await world.halts()) == 1
    assert len(await world.events("token.mint.failed")) == 3


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"amount": 0}, "amount_out_of_range"),
        ({"amount": 2**63}, "amount_out_of_range"),
        ({"recipient": wallet(0)}, "recipient_zero"),
    ],
)
async def test_what_can_never_be_minted_is_told_and_harms_no_neighbour(
    world: World, change: dict[str, object], reason: str
) -> None:
    """The one is stuck at once, the others of its batch are stored."""
    await world.take(request(1), request(2, **change), request(3))  # type: ignore[arg-type]  # as above
    assert list(await world.states()) == [1, 3]
    assert [(event["cashback_id"], event["reason"]) for event in await world.events()] == [(cashback(2), reason)]
    assert await world.halts() == []


@pytest.mark.parametrize("data", [b"", b"{}", b'{"mint_number":"1"}', msgspec.json.encode({"mint_number": "-1"})])
async def test_what_cannot_be_read_is_rejected_whole(world: World, data: bytes) -> None:
    """Nothing of the batch is stored; the consumer splits it and gives the one up."""
    broken = msgspec.structs.replace(request(1), data=data)
    with pytest.raises(Invalid):
        await world.take(request(2), broken)
    assert await world.states() == {}


async def test_a_request_for_what_is_no_cashback_is_rejected(world: World) -> None:
    """Ids are shaped; what is not one came from nobody we know."""
    with pytest.raises(Invalid, match="names no cashback"):
        await world.take(request(1, cashback_id="purchase 12"))
