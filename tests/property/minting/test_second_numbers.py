"""Numbers of one cashback: whatever comes in whatever order, at most one of them can still be minted (I2)."""

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import TokenUnits
from cashback.minting.model import NUMBER_RETIRED, Inclusion, Mint, MintRequest, MintState, Outcome
from cashback.minting.rules import Admit, Refuse, fingerprint_of, judge, settle_all

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NUMBERS = st.integers(min_value=1, max_value=4)
Step: TypeAlias = tuple[Literal["requested", "accepted", "minted", "retired", "skipped"], int]
STEPS = st.tuples(st.sampled_from(["requested", "accepted", "minted", "retired", "skipped"]), NUMBERS)


def a_request(number: int) -> MintRequest:
    """Return a request for the one cashback of these tests."""
    return MintRequest(
        number=number, cashback_id="cb_one", recipient=b"\1" * 20, amount=TokenUnits(5), requested_at=NOON
    )


def a_mint(number: int) -> Mint:
    """Return what is stored of a request."""
    request = a_request(number)
    return Mint(
        number=number,
        cashback_id=request.cashback_id,
        recipient=request.recipient,
        amount=request.amount,
        fingerprint=fingerprint_of(request),
        state=MintState.REQUESTED,
        submit_attempts=0,
        requested_at=NOON,
        submit_after=NOON,
    )


def an_outcome(number: int, *, reason: str) -> Outcome:
    """Return that a number was minted, or why it failed."""
    return Outcome(
        sequence=1,
        number=number,
        cashback_id="cb_one",
        recipient=b"\1" * 20,
        amount=TokenUnits(5),
        inclusion=None if reason else Inclusion(bytes([number]) * 32, number, bytes([number]) * 32),
        reason=reason,
    )


def take(known: dict[int, Mint], step: Step) -> None:
    """Do one step of a story."""
    kind, number = step
    if kind == "requested":
        judged = judge(a_request(number), by_number=known.get(number), of_cashback=list(known.values()))
        if isinstance(judged, Admit):
            known[number] = a_mint(number)
        return
    if number not in known:
        return
    if kind == "accepted":
        if known[number].state is MintState.REQUESTED:
            known[number] = msgspec.structs.replace(known[number], state=MintState.ACCEPTED, accepted_at=NOON)
        return
    reason = {"minted": "", "retired": NUMBER_RETIRED, "skipped": "skipped"}[kind]
    known.update({mint.number: mint for mint in settle_all(known, [an_outcome(number, reason=reason)]).mints})


@pytest.mark.invariant("I2")
@given(story=st.lists(STEPS, max_size=30))
def test_at_most_one_number_of_a_cashback_is_not_retired(story: list[Step]) -> None:
    """I2: after every step, whatever was requested, told and told again before it."""
    known: dict[int, Mint] = {}
    for step in story:
        take(known, step)
        assert sum(not mint.is_retired for mint in known.values()) <= 1


@pytest.mark.invariant("I2")
@given(states=st.lists(st.sampled_from([*MintState, "retired"]), min_size=1, max_size=5))
def test_a_new_number_goes_through_exactly_when_every_earlier_one_is_retired(states: list[str]) -> None:
    """Requested, accepted, minted, or stuck for anything else: each of them refuses it."""
    earlier = [
        msgspec.structs.replace(
            a_mint(number),
            state=MintState.STUCK if state == "retired" else MintState(state),
            reason=NUMBER_RETIRED if state == "retired" else "skipped" if state == MintState.STUCK else None,
        )
        for number, state in enumerate(states, 1)
    ]
    judged = judge(a_request(9), by_number=None, of_cashback=earlier)
    assert isinstance(judged, Admit if set(states) == {"retired"} else Refuse)
