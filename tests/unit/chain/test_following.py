"""Links between blocks, fork points, and what is final."""

import pytest

from cashback.chain.model import Hash, Header, Heads
from cashback.chain.rules.following import check_finality, final_number, fork_point, is_chain
from cashback.kernel.errors import Invalid


def header(number: int, *, branch: int = 0, parent_branch: int | None = None) -> Header:
    """Return a header of a branch, whose parent may belong to another one."""
    parent = branch if parent_branch is None else parent_branch
    return Header(number, hashed(number, branch), hashed(number - 1, parent), 1, number)


def hashed(number: int, branch: int) -> Hash:
    """Return a hash of its own for each block."""
    return Hash(bytes([branch]) * 16 + number.to_bytes(16))


def test_headers_are_a_chain_when_each_names_the_one_before() -> None:
    """From the tip on; before the first block anything may stand."""
    chain = [header(5), header(6), header(7)]
    assert is_chain(chain, hashed(4, 0))
    assert is_chain(chain, None)
    assert is_chain([], hashed(4, 0))
    assert not is_chain(chain, hashed(4, 1))
    assert not is_chain([header(5), header(7)], hashed(4, 0))


def test_the_fork_point_is_the_highest_block_that_still_stands() -> None:
    """Stored 1 to 6, replaced from 4 on."""
    stored = {number: hashed(number, 0) for number in range(1, 7)}
    canonical = [header(2), header(3), header(4, branch=1, parent_branch=0), header(5, branch=1)]
    assert fork_point(stored, canonical) == 3


def test_where_every_stored_block_was_replaced_the_fork_is_below_them() -> None:
    """Whoever asked compares that with what is final."""
    assert fork_point({5: hashed(5, 0), 6: hashed(6, 0)}, [header(5, branch=1), header(6, branch=1)]) == 4


@pytest.mark.parametrize("known", [[], [6, 5, 4], [3, 2]], ids=["nothing", "only above", "only below"])
def test_a_height_without_a_header_shows_no_fork_point(known: list[int]) -> None:
    """A node that has no block there lags behind, or asks another one each time: nothing was shown to be replaced."""
    stored = {number: hashed(number, 0) for number in range(1, 7)}
    told = [header(number, branch=1 if number > 3 else 0) for number in known]
    assert fork_point(stored, told) is None


def test_a_tip_that_still_stands_is_the_fork_point_itself() -> None:
    """Then nothing has to be unwound."""
    assert fork_point({5: hashed(5, 0), 6: hashed(6, 0)}, [header(6)]) == 6


def test_a_shorter_branch_shows_its_fork_point_once_the_block_above_is_told_or_ours_ends() -> None:
    """Above its own head it has no block, and it need not: the block below its head is what shows the fork."""
    stored = {number: hashed(number, 0) for number in range(1, 7)}
    assert fork_point(stored, [header(3), header(4, branch=1, parent_branch=0)]) == 3


@pytest.mark.parametrize(
    "finality,expected", [("finalized", 6), ("safe", 8), ("depth:3", 7), ("depth:0", 10), ("depth:99", -1)]
)
def test_the_operator_chooses_what_is_final(finality: str, expected: int) -> None:
    """The node's tags, or a depth."""
    assert final_number(Heads(header(10), header(8), header(6)), finality) == expected


@pytest.mark.parametrize("finality", ["finalized", "safe"])
def test_a_young_chain_has_no_final_block(finality: str) -> None:
    """Its node knows no such block yet."""
    assert final_number(Heads(header(1), None, None), finality) == -1


@pytest.mark.parametrize("finality", ["", "latest", "depth:", "depth:-1", "depth:x", "Finalized"])
def test_other_words_for_finality_are_refused(finality: str) -> None:
    """At the start, not at the first block."""
    with pytest.raises(Invalid):
        check_finality(finality)
