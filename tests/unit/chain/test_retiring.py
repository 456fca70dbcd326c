"""Retiring numbers: the call, when it may be signed for, and what an order to cancel comes to."""

import msgspec
import pytest

from cashback.chain.model import Address, Cancellation, Cancelling, Mint, Policy, Prices, Settled
from cashback.chain.rules import retiring
from cashback.chain.rules.admission import refusal, uncancellable
from cashback.chain.rules.fees import Waits

OPEN = Cancellation(number=7, is_ordered=True, has_slot=False, verdict=None, reason="", is_final=False)
MINTED = msgspec.structs.replace(OPEN, verdict="minted")
RETIRED = msgspec.structs.replace(OPEN, has_slot=True, verdict="failed", reason="number_retired")
POLICY = Policy(
    head=1,
    prices=Prices(1, ()),
    is_paused=False,
    is_operator=True,
    is_minter=True,
    available=0,
    supply=10,
    cap=10,
    gas_money_wei=1,
    pending_nonce=0,
)


def test_the_call_names_the_number_and_nothing_else() -> None:
    """Selector and one word."""
    call = retiring.call(0x1234, amount=9)
    assert call.calldata.hex() == "f49d0638" + "0" * 60 + "1234"
    assert (call.numbers, call.amount) == ((0x1234,), 9)


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"is_paused": True}, "minter_paused"),
        ({"is_operator": False}, "role_missing"),
        ({"is_minter": False}, "role_missing"),
    ],
)
def test_a_lane_waits_with_a_retirement_while_the_contracts_refuse_it(change: dict[str, bool], reason: str) -> None:
    """A call that reverts costs gas and a nonce for nothing."""
    assert retiring.obstacle(msgspec.structs.replace(POLICY, **change)) == Waits(reason)


def test_neither_the_limit_nor_the_cap_holds_a_retirement_up() -> None:
    """It creates nothing."""
    assert retiring.obstacle(POLICY) is None


@pytest.mark.parametrize(
    "mint,answer",
    [
        (OPEN, Cancelling(7, "ordered")),
        (msgspec.structs.replace(OPEN, has_slot=True), Cancelling(7, "retiring")),
        (RETIRED, Cancelling(7, "retiring")),
        (msgspec.structs.replace(RETIRED, is_final=True), Cancelling(7, "retired")),
        (msgspec.structs.replace(RETIRED, is_ordered=False, has_slot=False, is_final=True), Cancelling(7, "retired")),
        (MINTED, Settled(7, "too_late")),
        (msgspec.structs.replace(MINTED, is_final=True), Settled(7, "too_late")),
        (msgspec.structs.replace(MINTED, is_ordered=False), Settled(7, "mint_settled")),
        (msgspec.structs.replace(RETIRED, reason="recipient_invalid"), Settled(7, "too_late")),
    ],
)
def test_an_order_tells_how_far_the_cancellation_is(mint: Cancellation, answer: object) -> None:
    """The same for the first time and again: what is stored decides."""
    assert retiring.answer(mint) == answer


@pytest.mark.parametrize(
    "change",
    [{"number": 0}, {"number": 2**63}, {"amount": 0}, {"amount": 2**63}, {"cashback_id": ""}, {"recipient": b"short"}],
)
def test_what_is_no_mint_cannot_be_cancelled(change: dict[str, object]) -> None:
    """It could not even be stored."""
    mint = msgspec.structs.replace(Mint(7, "cb_7", Address(b"\1" * 20), 5), **change)
    assert uncancellable(mint) == refusal(mint, reserved=frozenset()) != None  # noqa: E711 - the same refusal, and one


def test_a_mint_that_must_not_be_paid_can_be_cancelled() -> None:
    """Retiring its number mints nothing, and is how its cashback gets another one."""
    reserved = Address(b"\1" * 20)
    for recipient in (reserved, Address(bytes(20))):
        mint = Mint(7, "cb_7", recipient, 5)
        assert refusal(mint, reserved=frozenset({reserved})) is not None
        assert uncancellable(mint) is None
