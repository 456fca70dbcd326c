"""How long a signer's gas money lasts, told long before it ends; a lane that has none left waits and mints nothing.

The unit is a batch at its dearest: all the gas that a batch may use, at the most that is ever paid for it. So the
figure is what is certain; at today's price the money lasts longer.
"""

from typing import Literal, TypeAlias

import msgspec

from cashback.chain.rules.fees import FeeLimits

Level: TypeAlias = Literal["enough", "low", "critical"]


class GasLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch may cost, and with how many batches' money left the signer's gas money is low, or critical."""

    fees: FeeLimits
    batch_gas: int
    low_batches: int
    critical_batches: int


def batches_left(gas_money_wei: int, limits: GasLimits) -> int:
    """Return how many whole batches the money certainly pays for."""
    return gas_money_wei // (limits.batch_gas * limits.fees.cap_wei)


def level(gas_money_wei: int, limits: GasLimits) -> Level:
    """Return whether the money is low: at `low_batches` it is, at `critical_batches` critically."""
    left = batches_left(gas_money_wei, limits)
    if left <= limits.critical_batches:
        return "critical"
    return "low" if left <= limits.low_batches else "enough"
