"""What is bid for gas."""

import pytest

from cashback.chain.model import Fees, Market, Prices
from cashback.chain.rules.fees import FeeLimits, Waits, first_bid, market, next_bid

LIMITS = FeeLimits(tip_floor_wei=2, tip_cap_wei=20, cap_wei=1_000)


def test_a_first_bid_leaves_room_for_the_base_fee_to_double() -> None:
    """Twice the base fee and the tip."""
    assert first_bid(Market(100, 2), LIMITS) == Fees(202, 2)


def test_a_first_bid_never_exceeds_the_cap() -> None:
    """Below the cap the room shrinks; where even the present price exceeds it, the lane waits."""
    assert first_bid(Market(998, 2), LIMITS) == Fees(1_000, 2)
    assert first_bid(Market(999, 2), LIMITS) == Waits("fee_above_cap")


def test_a_replacement_bids_an_eighth_more_of_both_prices() -> None:
    """Nodes want a tenth at least, of both."""
    assert next_bid(Fees(800, 80), Market(100, 2), LIMITS) == Fees(900, 90)


def test_a_replacement_bids_the_market_price_when_that_is_higher() -> None:
    """A spike may need more than an eighth."""
    assert next_bid(Fees(100, 2), Market(400, 2), LIMITS) == Fees(802, 3)


def test_a_replacement_above_the_cap_waits() -> None:
    """The cap is hard: OpenZeppelin/openzeppelin-relayer#808 is what happens to those who then give up."""
    assert next_bid(Fees(900, 2), Market(100, 2), LIMITS) == Waits("fee_above_cap")


@pytest.mark.parametrize(
    "rewards,tip_wei",
    [((), 2), ((0, 0, 0), 2), ((5,), 5), ((3, 9), 3), ((9, 1, 3), 3), ((4, 4, 10**15), 4), ((99, 99, 99), 20)],
    ids=["no block", "nobody tips", "one block", "two blocks", "three blocks", "an outlier", "all too high"],
)
def test_the_tip_is_the_middle_one_of_recent_blocks_within_its_bounds(rewards: tuple[int, ...], tip_wei: int) -> None:
    """The base fee is that of the next block, as it was told."""
    assert market(Prices(100, rewards), LIMITS) == Market(100, tip_wei)


def test_close_to_the_cap_the_tip_shrinks_to_its_floor_before_the_lane_waits() -> None:
    """A block that can be paid for is better than none; at the floor there is nothing left to save."""
    assert first_bid(Market(990, 20), LIMITS) == Fees(1_000, 10)
    assert first_bid(Market(998, 20), LIMITS) == Fees(1_000, 2)
    assert first_bid(Market(999, 20), LIMITS) == Waits("fee_above_cap")
