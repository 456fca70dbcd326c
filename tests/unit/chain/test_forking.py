"""The fork of a deep reorganisation, found among blocks that are known only here and there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.chain.model import Hash
from cashback.chain.rules.forking import PROBES_MAX, Fork, Search


def searched(known: set[int], *, replaced_from: int, floor: int = 0) -> tuple[Fork, int]:
    """Return what a search finds when every block from one on was replaced, and how many blocks it asked for."""
    search = Search({number: Hash(bytes(32)) for number in known}, floor=floor)
    probes = 0
    while (number := search.probe) is not None:
        assert number in known
        search.judge(is_canonical=number < replaced_from)
        probes += 1
    return search.fork, probes


@given(
    known=st.sets(st.integers(min_value=1, max_value=2**63 - 1), max_size=200),
    replaced_from=st.integers(min_value=1, max_value=2**63),
)
def test_the_last_standing_and_the_first_replaced_block_are_found_with_few_questions(
    known: set[int], replaced_from: int
) -> None:
    """Whatever is known, wherever the fork is: as many questions as the number of blocks has binary digits."""
    fork, probes = searched(known, replaced_from=replaced_from)
    assert fork.standing == max((number for number in known if number < replaced_from), default=0)
    assert fork.replaced == min((number for number in known if number >= replaced_from), default=None)
    assert probes <= len(known).bit_length() <= PROBES_MAX


@pytest.mark.parametrize(
    "known,replaced_from,expected",
    [
        pytest.param({5, 6, 9}, 7, Fork(6, 9), id="between-two"),
        pytest.param({5, 6, 9}, 10, Fork(9, None), id="none-replaced"),
        pytest.param({5, 6, 9}, 1, Fork(3, 5), id="all-replaced"),
        pytest.param(set(), 1, Fork(3, None), id="nothing-known"),
    ],
)
def test_where_nothing_stands_the_floor_does(known: set[int], replaced_from: int, expected: Fork) -> None:
    """Nothing is known below the start, so nothing below it is taken back."""
    assert searched(known, replaced_from=replaced_from, floor=3)[0] == expected
