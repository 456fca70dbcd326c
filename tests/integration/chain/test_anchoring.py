"""Anchors on a real node: accepted once, one under way at a time, the newest next, none twice (I2, I3, I9)."""

import asyncio

import msgspec
import pytest

from cashback.chain.model import Anchor, AnchorBehind, AnchorConflicts, AnchorInvalid, LatestAnchors, Person
from cashback.chain.rules import anchoring
from cashback.processes import adapter
from tests.integration.chain.evidence import anchored, evidence, halted_reason, kinds, logs_of, reached
from tests.integration.chain.support import assembled, mint, running, serving
from tests.integration.chain.test_unknown_mints import is_known

ALICE = Person("alice")


async def test_the_gas_of_an_anchor_is_within_its_bound(settings: adapter.Settings) -> None:
    """With the most expensive calldata: no byte of it is zero that need not be."""
    asked = Anchor(b"\xff" * 32, 2**63 - 1)
    async with serving(settings) as bench:
        await bench.adapter.anchors.anchor(asked)
        view = await reached(bench, asked.up_to, "final", mining=True)
        used = int(
            (await bench.lever.call("eth_getTransactionReceipt", f"0x{view.transaction_hash.hex()}"))["gasUsed"], 16
        )
        assert 0.8 * anchoring.GAS_ANCHOR < used <= anchoring.GAS_ANCHOR


async def test_an_anchor_is_told_at_each_step_from_being_accepted_to_being_final(settings: adapter.Settings) -> None:
    """Its transaction from when it is signed, its block from when it has one; asked for again it is only told."""
    asked = evidence(7)
    async with serving(settings) as bench:
        assert (await bench.adapter.anchors.of(7)).state == "unknown"
        assert await bench.adapter.anchors.latest() == LatestAnchors(None, None)
        await bench.lever.automine(is_on=False)
        first = await bench.adapter.anchors.anchor(asked)
        assert (first.state, first.root, first.transaction_hash) == ("accepted", asked.root, b"")
        await bench.lever.mine()
        submitted = await reached(bench, 7, "submitted")
        assert submitted.transaction_hash
        await bench.sent()
        await bench.lever.mine()
        included = await reached(bench, 7, "included")
        block = await bench.lever.call("eth_getBlockByNumber", hex(included.block_number), False)
        assert f"0x{included.block_hash.hex()}" == block["hash"]
        assert [f"0x{included.transaction_hash.hex()}"] == block["transactions"]
        assert f"0x{included.minter.hex()}" == settings.minter_address.lower()
        assert await bench.adapter.anchors.latest() == LatestAnchors(included, None)
        final = await reached(bench, 7, "final", mining=True)
        assert final == msgspec.structs.replace(included, state="final")
        assert await bench.adapter.anchors.latest() == LatestAnchors(final, final)
        assert await bench.adapter.anchors.anchor(asked) == final
        assert await anchored(bench) == logs_of(asked)


async def test_anchors_rise_and_a_place_has_one_root(settings: adapter.Settings) -> None:
    """What is refused is stored nowhere, and the one that waits stays."""
    async with assembled(settings) as bench:
        await bench.adapter.anchors.anchor(evidence(10))
        with pytest.raises(AnchorConflicts):
            await bench.adapter.anchors.anchor(evidence(10, root=11))
        with pytest.raises(AnchorBehind):
            await bench.adapter.anchors.anchor(evidence(9))
        for wrong in (Anchor(b"short", 11), evidence(0), Anchor(bytes(32), 2**63)):
            with pytest.raises(AnchorInvalid):
                await bench.adapter.anchors.anchor(wrong)
        assert await bench.rows("select up_to, state from chain.anchors") == [(10, "accepted")]


async def test_of_two_that_ask_for_one_place_at_the_same_time_one_root_is_accepted(settings: adapter.Settings) -> None:
    """The other one is told that it conflicts, whoever was first."""
    async with assembled(settings) as bench:
        asked = [evidence(10), evidence(10, root=11)]
        told = await asyncio.gather(*map(bench.adapter.anchors.anchor, asked), return_exceptions=True)
        assert sorted(isinstance(one, AnchorConflicts) for one in told) == [False, True]
        assert await bench.rows("select count(*) from chain.anchors") == [(1,)]


@pytest.mark.invariant("I3", "I9")
async def test_while_one_is_under_way_the_newest_of_those_that_come_is_next(settings: adapter.Settings) -> None:
    """What waited before it is superseded and never sent; what a lane has taken is seen through first."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await bench.lever.automine(is_on=False)
        for up_to in (10, 20, 30):
            await bench.adapter.anchors.anchor(evidence(up_to))
            await reached(bench, 10, "submitted")
        assert [(await bench.adapter.anchors.of(up_to)).state for up_to in (10, 20, 30)] == [
            "submitted",
            "superseded",
            "accepted",
        ]
        await bench.submit(mint(2))
        await bench.settled([2])
        await reached(bench, 30, "final", mining=True)
        with pytest.raises(AnchorBehind):
            await bench.adapter.anchors.anchor(evidence(25))
        assert (await bench.adapter.anchors.anchor(evidence(20))).state == "superseded"
        assert await anchored(bench) == logs_of(evidence(10), evidence(30))
        assert await halted_reason(bench) is None


async def test_nothing_is_anchored_while_minting_is_halted_or_the_minter_is_paused(settings: adapter.Settings) -> None:
    """It waits, costs nothing, and goes on by itself."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await bench.adapter.halting.halt_by_hand(by=ALICE, detail="a drill")
        await bench.adapter.anchors.anchor(evidence(10))
        await bench.lever.mine(2)
        await bench.followed()
        assert await kinds(bench) == ["mint"]
        await bench.people.pause()
        await bench.adapter.halting.resume(by=ALICE, because="it was a drill")
        await bench.waits_for("minter_paused")
        assert await kinds(bench) == ["mint"]
        await bench.people.unpause()
        await reached(bench, 10, "final", mining=True)
        assert await anchored(bench) == logs_of(evidence(10))


@pytest.mark.invariant("I9")
async def test_of_two_lanes_one_takes_the_anchor(settings: adapter.Settings) -> None:
    """The other one passes over it while the first signs, and when it is under way."""
    several = msgspec.structs.replace(settings, key_count=2, connections=10)
    async with assembled(settings) as bench:
        for signer in several.signers():
            await bench.people.employ(signer.address)
    async with assembled(several) as bench, running(bench.adapter.follower.run):
        for lane in bench.adapter.lanes:
            assert await lane._tenure.hold()
            await lane._serve()
        await is_known(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        first, second = [lane._intake.anchoring for lane in bench.adapter.lanes]
        assert await first._read() is not None
        assert await second._read() is None
        assert await first.turn() == 0.0
        assert await second.turn() is None
        assert await kinds(bench) == ["anchor"]
