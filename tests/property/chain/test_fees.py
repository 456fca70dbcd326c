"""Bids: enough for every node, and never above the cap."""

from hypothesis import given
from hypothesis import strategies as st

from cashback.chain.model import Fees, Prices
from cashback.chain.rules.fees import FeeLimits, Waits, first_bid, market, next_bid

prices = st.integers(0, 10**15)
limits = st.builds(
    FeeLimits,
    tip_floor_wei=st.integers(0, 10**12),
    tip_cap_wei=st.integers(10**12, 10**13),
    cap_wei=st.integers(1, 10**15),
)
histories = st.builds(Prices, prices, st.lists(prices, max_size=20).map(tuple))


@given(histories, limits)
def test_a_tip_is_one_that_was_paid_or_a_bound(history: Prices, given_limits: FeeLimits) -> None:
    """Nobody makes up a price, and the base fee is the one that was told."""
    now = market(history, given_limits)
    assert now.base_fee_wei == history.base_fee_wei
    assert given_limits.tip_floor_wei <= now.tip_wei <= given_limits.tip_cap_wei
    assert now.tip_wei in {*history.rewards_wei, given_limits.tip_floor_wei, given_limits.tip_cap_wei}


@given(histories, limits)
def test_a_first_bid_pays_the_present_price_within_the_cap_or_waits(history: Prices, given_limits: FeeLimits) -> None:
    """There is no third way."""
    now = market(history, given_limits)
    bid = first_bid(now, given_limits)
    if isinstance(bid, Waits):
        assert now.base_fee_wei + given_limits.tip_floor_wei > given_limits.cap_wei
    else:
        assert now.base_fee_wei + bid.tip_wei <= bid.max_fee_wei <= given_limits.cap_wei
        assert bid.tip_wei >= given_limits.tip_floor_wei


@given(prices, prices, histories, limits)
def test_a_replacement_is_at_least_an_eighth_dearer_within_the_cap_or_waits(
    first: int, second: int, history: Prices, given_limits: FeeLimits
) -> None:
    """Both prices rise by at least 12.5 % and by at least one wei: integers throughout, so no node finds it short."""
    previous = Fees(max(first, second), min(first, second))
    bid = next_bid(previous, market(history, given_limits), given_limits)
    if isinstance(bid, Waits):
        return
    assert bid.max_fee_wei * 8 >= previous.max_fee_wei * 9
    assert bid.tip_wei * 8 >= previous.tip_wei * 9
    assert bid.max_fee_wei > previous.max_fee_wei
    assert bid.tip_wei > previous.tip_wei
    assert bid.tip_wei <= bid.max_fee_wei <= given_limits.cap_wei
