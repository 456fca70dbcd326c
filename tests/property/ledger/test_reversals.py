"""Outcomes and reversals of one mint in any order, any number of times, in any batches: the last one counts."""

from itertools import pairwise
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.kernel.money import TokenUnits
from cashback.ledger.model import Requested, State
from cashback.ledger.rules import reopened
from cashback.ledger.service.settlement import Told, _moves

REQUESTED: Final = Requested(
    id="cb_1", user_id="usr_1", token_units=TokenUnits(5), mint_number=7, state=State.MINT_REQUESTED
)
HASH: Final = "0x" + "ab" * 32


class Standing(msgspec.Struct, frozen=True):
    """A cashback, and the block that it says it was minted in."""

    cashback: Requested = REQUESTED
    block: str = ""


def minted(times: int) -> TokenMinted:
    """Return that it was minted after so many reversals, in a block of its own."""
    return TokenMinted(
        mint_number="7",
        cashback_id="cb_1",
        token_units="5",
        transaction_hash=HASH,
        block_number=str(100 + times),
        block_hash=HASH,
        reversals=times,
    )


def failed(times: int) -> TokenMintFailed:
    """Return that it failed for good after so many reversals."""
    return TokenMintFailed(
        mint_number="7", cashback_id="cb_1", reason="number_retired", will_retry=False, reversals=times
    )


def reverted(times: int) -> TokenMintReverted:
    """Return the so manieth reversal."""
    return TokenMintReverted(
        mint_number="7",
        cashback_id="cb_1",
        transaction_hash=HASH,
        block_number=str(99 + times),
        block_hash=HASH,
        reversals=times,
    )


def settled(before: Standing, outcomes: list[Told]) -> Standing:
    """Return how the cashback stands after a batch, as the ledger stores it."""
    moves = _moves({7: before.cashback}, outcomes)
    cashback, block = before.cashback, before.block
    for known, reversals in moves.reopened.values():
        assert known == cashback
        cashback, block = reopened(cashback, reversals=reversals), ""
    for known, outcome in moves.minted.values():
        assert known == cashback
        cashback, block = msgspec.structs.replace(cashback, state=State.MINTED), outcome.block_number
    for known, _ in moves.stuck.values():
        assert known == cashback
        cashback = msgspec.structs.replace(cashback, state=State.STUCK)
    return Standing(cashback, block)


@pytest.mark.invariant("I5", "I6")
@given(data=st.data())
def test_whatever_order_outcomes_come_in_the_one_after_the_most_reversals_counts(data: st.DataObject) -> None:
    """Each told at least once, some again, some at once: the end is what the last one says (I5, I6)."""
    kinds = data.draw(st.lists(st.booleans(), min_size=1, max_size=4), label="minted, or failed, after each reversal")
    is_open = data.draw(st.booleans(), label="the last one is void as well")
    decided: list[Told] = [minted(times) if is_minted else failed(times) for times, is_minted in enumerate(kinds)]
    voids: list[Told] = [reverted(times) for times in range(1, len(kinds) + is_open)]
    again = data.draw(st.lists(st.sampled_from([*decided, *voids]), max_size=4), label="told again")
    order = data.draw(st.permutations([*decided, *voids, *again]), label="in this order")
    cuts = data.draw(st.lists(st.integers(0, len(order)), max_size=6), label="cut into batches here")
    standing = Standing()
    for start, end in pairwise(sorted({0, len(order), *cuts})):
        standing = settled(standing, order[start:end])
    last = State.MINTED if kinds[-1] else State.STUCK
    assert standing.cashback.state is (State.MINT_REQUESTED if is_open else last)
    assert standing.block == ("" if is_open or not kinds[-1] else str(99 + len(kinds)))
    assert standing.cashback.reversals == len(voids)
