"""When gas money is low: in batches at their dearest, so that the figure is a promise."""

import pytest

from cashback.chain.rules.fees import FeeLimits
from cashback.chain.rules.gas_money import GasLimits, batches_left, level

LIMITS = GasLimits(
    fees=FeeLimits(tip_floor_wei=1, tip_cap_wei=1, cap_wei=50), batch_gas=1_000, low_batches=20, critical_batches=5
)
BATCH = 50_000


@pytest.mark.parametrize(
    "gas_money_wei,left,called",
    [
        (0, 0, "critical"),
        (BATCH - 1, 0, "critical"),
        (6 * BATCH - 1, 5, "critical"),
        (6 * BATCH, 6, "low"),
        (21 * BATCH - 1, 20, "low"),
        (21 * BATCH, 21, "enough"),
        (10**30, 10**30 // BATCH, "enough"),
    ],
)
def test_money_is_counted_in_whole_batches_at_the_fee_cap(gas_money_wei: int, left: int, called: str) -> None:
    """One wei less than a batch is no batch; each bound belongs to the worse side."""
    assert (batches_left(gas_money_wei, LIMITS), level(gas_money_wei, LIMITS)) == (left, called)
