"""What nodes' JSON says, as values."""

from typing import Any

import pytest

from cashback.chain.gateway.decoding import agreed_prices, prices
from cashback.chain.model import Hash, Header, Prices

HEAD = Header(9, Hash(b"\1" * 32), Hash(b"\2" * 32), 1_000, 1)


def history(oldest: int, *, fees: list[int], used: list[float], rewards: list[int]) -> dict[str, Any]:
    """Return a history of fees as nodes tell it."""
    return {
        "oldestBlock": hex(oldest),
        "baseFeePerGas": [hex(fee) for fee in fees],
        "gasUsedRatio": used,
        "reward": [[hex(reward)] for reward in rewards],
    }


def test_the_last_base_fee_of_a_history_is_the_next_blocks() -> None:
    """There is one more than there are blocks (EIP-1559); blocks that nobody paid for tell no tip."""
    told = history(7, fees=[10, 20, 30, 40], used=[0.5, 0.0, 1], rewards=[3, 0, 4])
    assert prices(told, HEAD) == Prices(40, (3, 4))


@pytest.mark.parametrize("oldest", [6, 8], ids=["it ends before", "it goes on"])
def test_a_history_that_does_not_end_at_the_block_tells_no_base_fee(oldest: int) -> None:
    """A node may have a block before it has its fees: then the block's own is taken."""
    told = history(oldest, fees=[10, 20, 30, 40], used=[0.5, 0.0, 1], rewards=[3, 0, 4])
    assert prices(told, HEAD) == Prices(1_000, (3, 4))


def test_of_several_histories_the_lowest_tips_count() -> None:
    """Each of a quorum finds them enough."""
    assert agreed_prices([Prices(1, (5, 2)), Prices(1, (3, 9))]) == Prices(1, (3, 2))
