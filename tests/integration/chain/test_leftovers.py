"""A new lane whose signer has sent what our records do not know: a rebuilt database, or a key that was used elsewhere.

Such transactions are waited for, then replaced; whichever is mined, the lane goes on without a gap.
See https://github.com/joshstevens19/rrelayer/issues/36 and https://github.com/raiden-network/raiden/issues/2933, where
a restart with a transaction in the mempool stopped everything, and
https://github.com/OpenZeppelin/openzeppelin-relayer/issues/843, where a nonce that nobody fills jams for ever.
"""

import msgspec
import pytest

from cashback.chain.service import recovery
from cashback.chain.service.auditing import Audit
from cashback.processes import adapter, signing
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving
from tests.integration.chain.waiting import eventually

SIGNER = signing.address(ACCOUNTS[1])
HASTY_MS = 300
"""How long a leftover is waited for here."""


async def leave(bench: Bench, *, many: int, max_fee_gwei: int) -> None:
    """Have the signer send transactions past our records, which wait in the pool."""
    await bench.lever.automine(is_on=False)
    for _ in range(many):
        fee = hex(max_fee_gwei * signing.GWEI)
        await bench.lever.call(
            "eth_sendTransaction",
            {
                "from": ACCOUNTS[1],
                "to": ACCOUNTS[0],
                "gas": hex(21_000),
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": fee,
            },
        )


async def slots(bench: Bench) -> list[tuple[int, str, str, bool]]:
    """Return every slot: nonce, kind, state, and whether an attempt of ours was mined at it."""
    rows = await bench.rows(
        """
        select slots.nonce, kind, state,
               exists (
                   select
                   from chain.blockchain_transactions as attempts
                   where attempts.lane = slots.lane
                     and attempts.nonce = slots.nonce
                     and attempts.block_number is not null
               )
        from chain.slots
        order by nonce
        """
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def has_slots(bench: Bench, wanted: list[tuple[int, str, str, bool]]) -> None:
    """Return once the slots are these; blocks are made meanwhile."""

    async def look() -> bool | None:
        await bench.lever.mine()
        return True if await slots(bench) == wanted else None

    await eventually(look)


async def assert_contiguous(bench: Bench) -> None:
    """Assert that the audit of nonces finds nothing."""
    status = await bench.adapter.reading.status()
    final_block = status.network.final_block
    used = {lane.lane.address: lane.final_nonce for lane in status.lanes}
    assert await Audit(bench.database).nonce_faults(used, final_block=final_block) == []


@pytest.mark.invariant("I2", "I9")
async def test_leftovers_that_no_block_takes_are_replaced_by_no_ops(settings: adapter.Settings) -> None:
    """No block comes before the no-ops have outbid them, and the first mint follows at the nonce after them."""
    hasty = msgspec.structs.replace(settings, bump_ms=HASTY_MS, resend_ms=100)
    async with assembled(hasty) as bench:
        await leave(bench, many=2, max_fee_gwei=2)
        async with running(*loops(bench)):
            await eventually(lambda: _are_covered(bench, 2))
            await bench.sent()
            await bench.submit(mint(1))
            await bench.settled([1])
            await has_slots(bench, [(0, "noop", "final", True), (1, "noop", "final", True), (2, "mint", "final", True)])
            await assert_contiguous(bench)
            assert await bench.logs_of(1) == 1


@pytest.mark.invariant("I2", "I9")
async def test_leftovers_that_are_mined_after_all_halt_nothing(settings: adapter.Settings) -> None:
    """They pay more than our cap lets a no-op pay: the no-op is superseded, and the lane goes on behind it."""
    hasty = msgspec.structs.replace(settings, bump_ms=HASTY_MS, resend_ms=100, fee_cap_wei=50 * signing.GWEI)
    async with assembled(hasty) as bench:
        await leave(bench, many=1, max_fee_gwei=100)
        async with running(*loops(bench)):
            await eventually(lambda: _are_covered(bench, 1))
            await bench.submit(mint(1))
            await bench.settled([1])
            await has_slots(bench, [(0, "noop", "final", False), (1, "mint", "final", True)])
            await assert_contiguous(bench)
            assert (await bench.adapter.reading.status()).network.halted_reason is None


async def test_leftovers_are_given_time_to_be_mined_by_themselves(settings: adapter.Settings) -> None:
    """Nothing is signed while they may be; then the lane opens behind them."""
    async with assembled(settings) as bench:
        await leave(bench, many=1, max_fee_gwei=100)
        async with running(*loops(bench)):
            await bench.submit(mint(1))
            await eventually(lambda: _has_looked(bench))
            assert await slots(bench) == []
            await bench.settled([1])
        assert await slots(bench) == [(1, "mint", "final", True)]


async def test_more_leftovers_than_are_replaced_wait_for_a_person(
    settings: adapter.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is somebody else's, too; the lane says so, and goes on when they are mined."""
    monkeypatch.setattr(recovery, "LEFTOVERS_MAX", 1)
    hasty = msgspec.structs.replace(settings, bump_ms=1)
    async with assembled(hasty) as bench:
        await leave(bench, many=2, max_fee_gwei=100)
    async with serving(hasty) as bench:
        await bench.submit(mint(1))
        await eventually(lambda: _has_looked(bench))
        assert await slots(bench) == []
        await bench.settled([1])
        assert await slots(bench) == [(2, "mint", "final", True)]


async def _are_covered(bench: Bench, many: int) -> bool | None:
    """Tell whether so many no-ops were stored."""
    return True if len(await slots(bench)) == many else None


async def _has_looked(bench: Bench) -> bool | None:
    """Tell whether the lane has found leftovers and waits for them."""
    return True if bench.adapter.lanes[0]._recovery._leftovers_since_s is not None else None
