"""What to bid for gas: never a default of a library, never a float, never above the operator's cap."""

from typing import Final

import msgspec

from cashback.chain.model import Fees

_BUMP_NUMERATOR: Final = 9
_BUMP_DENOMINATOR: Final = 8
"""A replacement must bid at least 10 % more at every node in use; one eighth clears that after rounding."""


class FeeLimits(msgspec.Struct, frozen=True):
    """The operator's tip and the most that is ever paid per gas, tip included."""

    tip_wei: int
    cap_wei: int


class Waits(msgspec.Struct, frozen=True):
    """Nothing is bid now, and why; it is decided anew with every block."""

    reason: str


def first_bid(base_fee_wei: int, limits: FeeLimits) -> Fees | Waits:
    """Return the bid of a first attempt: room for the base fee to double, within the cap."""
    if base_fee_wei + limits.tip_wei > limits.cap_wei:
        return Waits("fee_above_cap")
    return Fees(max_fee_wei=min(2 * base_fee_wei + limits.tip_wei, limits.cap_wei), tip_wei=limits.tip_wei)


def next_bid(previous: Fees, base_fee_wei: int, limits: FeeLimits) -> Fees | Waits:
    """Return the bid of a replacement: an eighth more of both prices, or the market's price when that is higher."""
    market = first_bid(base_fee_wei, limits)
    if isinstance(market, Waits):
        return market
    tip_wei = max(_bumped(previous.tip_wei), market.tip_wei)
    max_fee_wei = max(_bumped(previous.max_fee_wei), market.max_fee_wei, tip_wei)
    if max_fee_wei > limits.cap_wei:
        return Waits("fee_above_cap")
    return Fees(max_fee_wei=max_fee_wei, tip_wei=tip_wei)


def _bumped(price_wei: int) -> int:
    """Return the price raised by an eighth, rounded up, and by at least one wei.

    >>> _bumped(100), _bumped(0)
    (113, 1)
    """
    return max(-(-price_wei * _BUMP_NUMERATOR // _BUMP_DENOMINATOR), price_wei + 1)
