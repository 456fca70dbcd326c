"""What to bid for gas: never a default of a library, never a float, never above the operator's cap."""

from typing import Final

import msgspec

from cashback.chain.model import Fees, Market, Prices

_BUMP_NUMERATOR: Final = 9
_BUMP_DENOMINATOR: Final = 8
"""A replacement must bid at least 10 % more at every node in use; one eighth clears that after rounding."""


class FeeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator bounds: the tip from below and above, and the most that is ever paid per gas, tip included."""

    tip_floor_wei: int
    tip_cap_wei: int
    cap_wei: int


class Waits(msgspec.Struct, frozen=True):
    """Nothing is bid now, and why; it is decided anew with every block."""

    reason: str


def market(prices: Prices, limits: FeeLimits) -> Market:
    """Return what the next block costs: its base fee, and the middle one of recent tips within the operator's bounds.

    The middle one, since a single block full of bids for something rare says nothing about ours (EIP-1559).

    >>> market(Prices(100, (9, 1, 3)), FeeLimits(tip_floor_wei=2, tip_cap_wei=5, cap_wei=1_000))
    Market(base_fee_wei=100, tip_wei=3)
    """
    rewards = sorted(prices.rewards_wei)
    middle = rewards[(len(rewards) - 1) // 2] if rewards else 0
    return Market(prices.base_fee_wei, max(min(middle, limits.tip_cap_wei), limits.tip_floor_wei))


def first_bid(now: Market, limits: FeeLimits) -> Fees | Waits:
    """Return the bid of a first attempt: room for the base fee to double, within the cap.

    Close to the cap first that room goes, then the tip, down to its floor; then the lane waits.
    """
    if now.base_fee_wei + limits.tip_floor_wei > limits.cap_wei:
        return Waits("fee_above_cap")
    tip_wei = min(now.tip_wei, limits.cap_wei - now.base_fee_wei)
    return Fees(max_fee_wei=min(2 * now.base_fee_wei + tip_wei, limits.cap_wei), tip_wei=tip_wei)


def next_bid(previous: Fees, now: Market, limits: FeeLimits) -> Fees | Waits:
    """Return the bid of a replacement: an eighth more of both prices, or the market's price when that is higher."""
    fresh = first_bid(now, limits)
    if isinstance(fresh, Waits):
        return fresh
    tip_wei = max(_bumped(previous.tip_wei), fresh.tip_wei)
    max_fee_wei = max(_bumped(previous.max_fee_wei), fresh.max_fee_wei, tip_wei)
    if max_fee_wei > limits.cap_wei:
        return Waits("fee_above_cap")
    return Fees(max_fee_wei=max_fee_wei, tip_wei=tip_wei)


def _bumped(price_wei: int) -> int:
    """Return the price raised by an eighth, rounded up, and by at least one wei.

    >>> _bumped(100), _bumped(0)
    (113, 1)
    """
    return max(-(-price_wei * _BUMP_NUMERATOR // _BUMP_DENOMINATOR), price_wei + 1)
