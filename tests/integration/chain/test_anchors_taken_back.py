"""Anchors in final blocks that were replaced: booked back by a person's order, and published again once (I3, I9)."""

import pytest

from cashback.chain.model import Person
from cashback.processes import adapter
from tests.integration.chain.evidence import anchored, evidence, halted_reason, kinds, logs_of, reached
from tests.integration.chain.support import Bench, serving
from tests.integration.chain.test_anchors_astray import reverts, settled
from tests.integration.chain.waiting import eventually

ALICE = Person("alice")


async def booked_back(bench: Bench, block_number: int) -> None:
    """Have a final block and all after it replaced by empty ones, and what stood there booked back and let go."""
    await bench.followed()
    await bench.lever.automine(is_on=False)
    await bench.lever.reorganise(await bench.lever.head() - block_number + 1)
    await bench.lever.mine()
    assert await bench.halted() == "reorganised_below_final"
    await bench.adapter.recovering.recover(by=ALICE, because="the chain did it", is_dry_run=False)


@pytest.mark.invariant("I3", "I9")
async def test_a_final_anchor_whose_block_was_replaced_is_published_again_with_the_same_bytes(
    settings: adapter.Settings,
) -> None:
    """It is told as submitted until then, and a newer one waits for it."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        first = await reached(bench, 10, "final", mining=True)
        await booked_back(bench, first.block_number)
        again = await bench.adapter.anchors.of(10)
        assert (again.state, again.transaction_hash, again.block_number) == ("submitted", first.transaction_hash, 0)
        assert (await bench.adapter.anchors.latest()).final is None
        assert (await bench.adapter.anchors.anchor(evidence(20))).state == "accepted"
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="the list was read")
        assert (await reached(bench, 10, "final", mining=True)).transaction_hash == first.transaction_hash
        await reached(bench, 20, "final", mining=True)
        assert await anchored(bench) == logs_of(evidence(10), evidence(20))
        assert await halted_reason(bench) is None


@pytest.mark.invariant("I9")
async def test_a_failed_calls_nonce_that_comes_back_is_filled_by_a_no_op_and_the_anchor_is_published_once(
    settings: adapter.Settings,
) -> None:
    """Its anchor has another slot by now, and the same bytes would succeed on a branch without the pause."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        await reverts(bench, 10, times=1)
        await reached(bench, 10, "final", mining=True)
        [(block,)] = await bench.rows("select block_number from chain.slots where revert_reason is not null")
        await booked_back(bench, block)
        assert await kinds(bench) == ["mint", "void", "anchor"]
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="the list was read")
        await reached(bench, 10, "final", mining=True)
        await eventually(lambda: _is_closed(bench))
        assert await anchored(bench) == logs_of(evidence(10))
        assert await bench.rows("select from chain.slots where revert_reason is not null") == []
        assert await halted_reason(bench) is None


async def _is_closed(bench: Bench) -> bool | None:
    """Tell whether every slot is final; a no-op has no log, so that it is found later than an anchor, by its nonce."""
    await bench.lever.mine()
    return await bench.rows("select from chain.slots where state <> 'final'") == [] or None
