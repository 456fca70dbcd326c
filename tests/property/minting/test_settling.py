"""Outcomes in any order, any number of times: what the mints end as does not depend on it."""

from datetime import UTC, datetime
from itertools import pairwise

import msgspec
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


def an_outcome(number: int, *, is_minted: bool, block: int | None = None, **changes: object) -> Outcome:
    """Return the true outcome of a mint, or that it failed; in its own block, or another one."""
    mint = a_mint(number)
    stands = number if block is None else block
    outcome = Outcome(
        sequence=1,
        number=number,
        cashback_id=mint.cashback_id,
        recipient=mint.recipient,
        amount=mint.amount,
        inclusion=Inclusion(bytes([number]) * 32, stands, bytes([stands]) * 32) if is_minted else None,
        reason="" if is_minted else "skipped",
    )
    return msgspec.structs.replace(outcome, **changes)


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


@pytest.mark.invariant("I2", "I5")
@given(
    blocks=st.lists(st.integers(min_value=1, max_value=3), min_size=1, max_size=5),
    is_open=st.booleans(),
    rereadings=st.integers(min_value=0, max_value=3),
)
def test_a_stream_of_outcomes_and_reversals_ends_alike_wherever_it_is_read_again_from(
    blocks: list[int], *, is_open: bool, rereadings: int
) -> None:
    """I2, I5: minted in one block after the other, the last of them perhaps void; nothing halts, the end is the end."""
    story = [
        one
        for times, block in enumerate(blocks)
        for one in (
            an_outcome(1, is_minted=True, block=block, reversals=times),
            an_outcome(1, is_minted=True, block=block, reversals=times + 1, is_reverted=True),
        )
    ]
    # What is void is told no more, as the adapter keeps it; only a reader who was there has heard of it.
    told = [one for one in story if one.is_reverted] if is_open else [one for one in story[:-1] if one.is_reverted]
    told += [] if is_open else [story[-2]]
    mint = a_mint(1)
    for outcome in story if is_open else story[:-1]:
        settled = settle_all({1: mint}, [outcome])
        assert settled.halts == ()
        mint = settled.mints[0] if settled.mints else mint
    for _ in range(rereadings):
        settled = settle_all({1: mint}, told)
        assert settled.halts == ()
        mint = settled.mints[0] if settled.mints else mint
    assert mint.state is (MintState.ACCEPTED if is_open else MintState.MINTED)
    assert mint.inclusion == (None if is_open else story[-2].inclusion)
    assert mint.reversals >= len(blocks) - (not is_open)
