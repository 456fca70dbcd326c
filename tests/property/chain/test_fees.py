"""Bids: enough for every node, and never above the cap."""

from hypothesis import given
from hypothesis import strategies as st

from cashback.chain.model import Fees
from cashback.chain.rules.fees import FeeLimits, Waits, first_bid, next_bid

prices = st.integers(0, 10**15)
limits = st.builds(FeeLimits, tip_wei=st.integers(0, 10**12), cap_wei=st.integers(1, 10**15))


@given(prices, limits)
def test_a_first_bid_pays_the_present_price_within_the_cap_or_waits(base_fee_wei: int, given_limits: FeeLimits) -> None:
    """There is no third way."""
    bid = first_bid(base_fee_wei, given_limits)
    if isinstance(bid, Waits):
        assert base_fee_wei + given_limits.tip_wei > given_limits.cap_wei
    else:
        assert base_fee_wei + bid.tip_wei <= bid.max_fee_wei <= given_limits.cap_wei


@given(prices, prices, prices, limits)
def test_a_replacement_is_at_least_an_eighth_dearer_within_the_cap_or_waits(
    first: int, second: int, base_fee_wei: int, given_limits: FeeLimits
) -> None:
    """Both prices rise by at least 12.5 % and by at least one wei: integers throughout, so no node finds it short."""
    previous = Fees(max(first, second), min(first, second))
    bid = next_bid(previous, base_fee_wei, given_limits)
    if isinstance(bid, Waits):
        return
    assert bid.max_fee_wei * 8 >= previous.max_fee_wei * 9
    assert bid.tip_wei * 8 >= previous.tip_wei * 9
    assert bid.max_fee_wei > previous.max_fee_wei
    assert bid.tip_wei > previous.tip_wei
    assert bid.tip_wei <= bid.max_fee_wei <= given_limits.cap_wei
