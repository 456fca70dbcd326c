"""Outcomes in any order, any number of times: what the mints end as does not depend on it."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import TokenUnits
from cashback.minting.model import Inclusion, Mint, MintRequest, MintState, Outcome
from cashback.minting.rules import fingerprint_of, settle_all

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NUMBERS = st.integers(min_value=1, max_value=6)


def a_mint(number: int) -> Mint:
    """Return an accepted mint."""
    request = MintRequest(
        number=number,
        cashback_id=f"cb_{number}",
        recipient=bytes([number]) * 20,
        amount=TokenUnits(number),
        requested_at=NOON,
    )
    return Mint(
        number=number,
        cashback_id=request.cashback_id,
        recipient=request.recipient,
        amount=request.amount,
        fingerprint=fingerprint_of(request),
        state=MintState.ACCEPTED,
        submit_attempts=1,
        requested_at=NOON,
    )


def an_outcome(number: int, *, is_minted: bool) -> Outcome:
    """Return the true outcome of a mint, or that it failed."""
    mint = a_mint(number)
    return Outcome(
        sequence=1,
        number=number,
        cashback_id=mint.cashback_id,
        recipient=mint.recipient,
        amount=mint.amount,
        inclusion=Inclusion(bytes([number]) * 32, number, bytes([number]) * 32) if is_minted else None,
        reason="" if is_minted else "skipped",
    )


@pytest.mark.invariant("I5", "I6")
@given(numbers=st.lists(NUMBERS), cuts=st.lists(st.integers(min_value=0, max_value=40), max_size=4))
def test_true_outcomes_in_any_order_and_batches_settle_each_mint_once(numbers: list[int], cuts: list[int]) -> None:
    """I5, I6: every mint that was told of is minted, each change is told once, and nothing halts."""
    known = {number: a_mint(number) for number in range(1, 7)}
    outcomes = [an_outcome(number, is_minted=True) for number in numbers]
    told: list[int] = []
    bounds = sorted({0, len(outcomes), *(min(cut, len(outcomes)) for cut in cuts)})
    for start, end in pairwise(bounds):
        settled = settle_all(known, outcomes[start:end])
        assert settled.halts == ()
        known.update({mint.number: mint for mint in settled.mints})
        told += [mint.number for mint in settled.mints]
    assert sorted(told) == sorted(set(numbers))
    assert {number for number, mint in known.items() if mint.state is MintState.MINTED} == set(numbers)


@given(story=st.lists(st.tuples(NUMBERS, st.booleans())))
def test_a_mint_once_minted_stays_minted_whatever_is_told(story: list[tuple[int, bool]]) -> None:
    """A failure told before is overruled, one told after halts: no order loses a mint."""
    known = {number: a_mint(number) for number in range(1, 7)}
    settled = settle_all(known, [an_outcome(number, is_minted=is_minted) for number, is_minted in story])
    states = {**{number: mint.state for number, mint in known.items()}, **{m.number: m.state for m in settled.mints}}
    assert {number for number, state in states.items() if state is MintState.MINTED} == {
        number for number, is_minted in story if is_minted
    }
