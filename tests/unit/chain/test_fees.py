"""What is bid for gas."""

from cashback.chain.model import Fees
from cashback.chain.rules.fees import FeeLimits, Waits, first_bid, next_bid

LIMITS = FeeLimits(tip_wei=2, cap_wei=1_000)


def test_a_first_bid_leaves_room_for_the_base_fee_to_double() -> None:
    """Twice the base fee and the tip."""
    assert first_bid(100, LIMITS) == Fees(202, 2)


def test_a_first_bid_never_exceeds_the_cap() -> None:
    """Below the cap the room shrinks; where even the present price exceeds it, the lane waits."""
    assert first_bid(998, LIMITS) == Fees(1_000, 2)
    assert first_bid(999, LIMITS) == Waits("fee_above_cap")


def test_a_replacement_bids_an_eighth_more_of_both_prices() -> None:
    """Nodes want a tenth at least, of both."""
    assert next_bid(Fees(800, 80), 100, LIMITS) == Fees(900, 90)


def test_a_replacement_bids_the_market_price_when_that_is_higher() -> None:
    """A spike may need more than an eighth."""
    assert next_bid(Fees(100, 2), 400, LIMITS) == Fees(802, 3)


def test_a_replacement_above_the_cap_waits() -> None:
    """The cap is hard: OpenZeppelin/openzeppelin-relayer#808 is what happens to those who then give up."""
    assert next_bid(Fees(900, 2), 100, LIMITS) == Waits("fee_above_cap")
