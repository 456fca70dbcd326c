"""What the seeds have found, each as a story of its own that fails without the mending, whatever the schedule is."""

import psycopg
import pytest

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Address, Heads, Mint
from tests.simulation import scene
from tests.simulation.abi import selector
from tests.simulation.endpoint import Site
from tests.simulation.faults import Faults
from tests.simulation.records import establish
from tests.simulation.run import empty, pooled
from tests.simulation.verdict import nothing_halted
from tests.simulation.world import World


class LateIndex(Site):
    """A place whose node tells no receipts as long as it is late."""

    is_late: bool = True

    def withholds(self, faults: Faults) -> bool:
        """Tell whether it is late."""
        del faults
        return self.is_late


@pytest.mark.invariant("I10")
async def test_one_endpoint_on_a_dead_branch_does_not_halt_what_the_others_follow(
    adapters_dsn: str, witness: psycopg.Connection
) -> None:
    """Seed 174: it was cut off before a reorganisation, so below the final block it has another one than all others."""
    empty(witness)
    async with pooled(adapters_dsn) as pool:
        world = World(0, pool=pool, witness=witness, finality="depth:3")
        world.faults.heal()
        dead, well = world.sites = [Site(), Site()]
        process = world.processes[0] = world.process()
        with world.clock.in_charge():
            await establish(pool)
            for _ in range(3):
                world.chain.mine(timestamp=world.clock.now_s)
            dead.behind, dead.is_down = world.chain.branch, True
            world.chain.reorganise(3, requeue=True)
            for _ in range(5):
                world.chain.mine(timestamp=world.clock.now_s)
            await process.turn_follower()
            assert witness.execute("select final_block from chain.network").fetchone() == (2,)
            dead.is_down, well.is_down = False, False
            world.clock.advance(60_000)
            await process.turn_follower()
            assert list(nothing_halted(world)) == []
            # Once most of them have it, it is so.
            well.behind = dead.behind
            await process.turn_follower()
            assert list(nothing_halted(world)) == ["halted: ('reorganised_below_final',)"]


@pytest.mark.invariant("I9")
async def test_a_receipt_that_is_told_late_does_not_make_a_stranger_of_our_own_transaction(
    adapters_dsn: str, witness: psycopg.Connection
) -> None:
    """Seed 1079: a reverted call writes no log, and its receipt was denied twice, before and after it was final."""
    empty(witness)
    async with pooled(adapters_dsn) as pool:
        world = World(0, pool=pool, witness=witness, finality="safe")
        world.faults.heal()
        site = LateIndex()
        world.sites = [site]
        process = world.processes[0] = world.process()
        with world.clock.in_charge():
            await establish(pool)
            await process.turn_lane()
            await process.parts.acceptance.submit([Mint(1, "cb_1", Address(b"\xa1" * 20), 5)])
            world.clock.advance(1_000)
            await process.turn_lane()
            await scene.call_minter(world.chain, scene.GUARDIAN, selector("pause()"))
            for _ in range(3):
                for _block in range(3):
                    world.chain.mine(timestamp=world.clock.now_s)
                await process.turn_follower()
            assert witness.execute("select state from chain.slots").fetchall() == [("open",)]
            assert list(nothing_halted(world)) == []
            site.is_late = False
            world.chain.mine(timestamp=world.clock.now_s)
            await process.turn_follower()
            assert witness.execute("select revert_reason from chain.slots").fetchall() == [("minter_paused",)]


@pytest.mark.invariant("I10")
async def test_how_far_one_branch_is_final_is_not_believed_of_another(
    adapters_dsn: str, witness: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 2722: a node told its heads and went away; one on a dead branch told the headers below."""
    empty(witness)
    async with pooled(adapters_dsn) as pool:
        world = World(0, pool=pool, witness=witness, finality="safe")
        world.faults.heal()
        dead, well = world.sites = [Site(), Site()]
        process = world.processes[0] = world.process()
        heads_told = Blocks.heads

        async def heads(blocks: Blocks) -> Heads:
            """Tell the heads by the node that is well, which nobody hears of again."""
            dead.is_down, well.is_down = True, False
            told = await heads_told(blocks)
            dead.is_down, well.is_down = False, True
            world.clock.advance(60_000)
            return told

        with world.clock.in_charge():
            await establish(pool)
            await process.turn_follower()
            for _ in range(2):
                world.chain.mine(timestamp=world.clock.now_s)
            dead.behind = world.chain.branch
            world.chain.reorganise(2, requeue=True)
            for _ in range(6):
                world.chain.mine(timestamp=world.clock.now_s)
            monkeypatch.setattr(Blocks, "heads", heads)
            await process.turn_follower()
            assert witness.execute("select final_block from chain.network").fetchone() == (0,)
            monkeypatch.setattr(Blocks, "heads", heads_told)
            well.is_down, dead.behind = False, None
            await process.turn_follower()
            followed = witness.execute("select number, hash from chain.blocks order by number").fetchall()
            assert followed == [(block.number, block.hash) for block in world.chain.branch]
            assert witness.execute("select final_block from chain.network").fetchone() == (4,)
            assert list(nothing_halted(world)) == []
