"""Kill -9 at every named point of the adapter, then a restart: one mint each, no gap among the nonces, nothing halted.

The process is the real one, and it ends itself exactly there (docs/adr/0026-failpoints.md); a point that it never
reaches fails its test. Chain, database and the verdict know nothing of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import pytest
from _pytest.mark import ParameterSet

from cashback.chain.gateway.decoding import ANCHORED as ANCHORED_TOPIC
from cashback.kernel.failpoints import POINTS
from tests.chaos.adapter_stage import HASTY, MINTS_PER_CALL, SETTLES_WITHIN_S, Stage, Weather, calm, mining
from tests.chaos.adapter_verdict import assert_minted_once, assert_nonces_in_order, assert_told_once
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.support import mint
from tests.support.facts import eventually

MINTS_PER_LIFE: Final = 3
MINTS_OF_MUCH_WORK: Final = 14
STATES_OF_THE_NODE: Final = 64


class Scene(msgspec.Struct, frozen=True):
    """How a point is reached: what the chain does meanwhile, where the process died before, and other settings.

    One process with two lanes gets there `times_max` times and more.
    """

    weather: Weather = calm
    before: tuple[str, ...] = ()
    changes: dict[str, str] = {}
    times_max: int = 3


async def pausing(stage: Stage) -> None:
    """Pause the minter once a call was sent, so that it reverts."""
    sent = stage.rows("select from chain.blockchain_transactions where answer = 'accepted'")
    if sent and "paused" not in stage.happened:
        await stage.people.pause()
        stage.happened.add("paused")
    if stage.happened:
        await stage.lever.mine()


async def reorganising(stage: Stage) -> None:
    """Make a block of what was sent; once that is followed, replace it by an empty one."""
    followed = stage.rows("select min(block_number) from chain.mints where state = 'included'")[0][0]
    minted = await stage.reader.mint_logs()
    if minted and followed is not None:
        await stage.lever.reorganise(await stage.lever.head() - min(one.block_number for one in minted) + 1)
    elif not minted and int((await stage.lever.call("txpool_status"))["pending"], 16):
        await stage.lever.mine()


SCENES: Final[dict[str, Scene]] = {
    "lease.taken": Scene(),
    "lease.renewed": Scene(),
    "lane.opening": Scene(times_max=2),
    "lane.opened": Scene(times_max=1),
    "lane.recovered": Scene(before=("slot.stored=kill",), times_max=1),
    "slot.signed": Scene(),
    "slot.reserved": Scene(),
    "slot.stored": Scene(),
    "attempt.sending": Scene(),
    "attempt.answer_lost": Scene(),
    "attempt.sent": Scene(),
    "attempt.noted": Scene(),
    "replacement.signed": Scene(changes=HASTY),
    "replacement.reserved": Scene(changes=HASTY),
    "replacement.stored": Scene(changes=HASTY),
    "replacement.sent": Scene(changes=HASTY),
    "logs.seen": Scene(mining),
    "receipt.seen": Scene(pausing, times_max=1),
    "blocks.taking": Scene(mining),
    "mints.included": Scene(mining),
    "outcomes.written": Scene(mining),
    "chain.unwinding": Scene(reorganising),
    "chain.unwound": Scene(reorganising),
}
"""Every point at which a mint is under way and nothing is wrong but the death itself."""

FIRST: Final = frozenset(
    {
        "lane.recovered",
        "slot.stored",
        "attempt.sending",
        "attempt.answer_lost",
        "attempt.sent",
        "replacement.stored",
        "receipt.seen",
        "outcomes.written",
        "chain.unwound",
        "noop.stored",
        "anchor.stored",
        "retirement.stored",
    }
)
"""The first tier kills the real process where a send, its answer or its outcome is known to one side alone.

At every point it does so in the deep tier, and already in the first one in the simulation (`test_seeds`).
"""


def each(points: Iterable[str]) -> list[ParameterSet]:
    """Return points as parameters, those that are none of the first tier's marked as deep."""
    return [pytest.param(one, marks=() if one in FIRST else pytest.mark.deep) for one in points]


TWICE: Final = frozenset({"slot.stored", "attempt.answer_lost", "replacement.stored"})
"""Where the next process dies as well, in the first tier; in the deep one it does everywhere."""

NEXT: Final = {"lane.opened": "lane.recovered"}
"""Where a successor dies instead: whoever dies as one lane opens may have opened the other as well."""

STRANGE: Final = frozenset({"noop.reserved", "noop.stored", "minting.halting"})
"""Those that want a stranger on the chain: each has a test of its own below."""

ORDERED: Final = frozenset({"retirement.signed", "retirement.reserved", "retirement.stored"})
"""Those that want a person's order."""

ANCHORED: Final = frozenset({"anchor.signed", "anchor.reserved", "anchor.stored"})
"""Those that want a ledger's evidence."""
ROOT: Final = bytes(range(32))
UP_TO: Final = 7


@pytest.mark.invariant("I2", "I3", "I9")
@pytest.mark.parametrize("point", each(SCENES))
async def test_an_adapter_killed_at_a_point_mints_everything_once_after_its_restart(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """Each mint has one log and one outcome, each nonce one transaction, stored before it was sent; nothing halts.

    At the points where money is closest the successor dies as well, at the same one.
    """
    await lives_on(stage, numbers, [f"{point}=kill"] * (2 if point in TWICE else 1), SCENES[point])


@pytest.mark.deep
@pytest.mark.invariant("I2", "I3", "I9")
@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("point", SCENES)
async def test_an_adapter_with_two_lanes_killed_at_any_time_and_again_mints_everything_once(
    stage: Stage, numbers: Iterator[int], point: str, nth: int
) -> None:
    """As above in the middle of more work; whoever comes next waits for the leases of the dead, and dies there too."""
    scene = SCENES[point]
    if scene.weather is not pausing:  # who pauses is the second lane's signer
        await stage.add_lane()
    if scene.weather is calm and not scene.changes and nth > 1:
        scene = msgspec.structs.replace(scene, weather=mining)
    await stage.accept([mint(next(numbers)) for _ in range(MINTS_OF_MUCH_WORK)])
    traps = [f"{point}=kill@{min(nth, scene.times_max)}", f"{NEXT.get(point, point)}=kill"]
    await lives_on(stage, numbers, traps, scene, waits=True)


@pytest.mark.invariant("I2", "I9")
@pytest.mark.parametrize("point", ["receipt.seen", "attempt.noted"])
async def test_an_adapter_that_comes_back_when_nodes_forgot_why_its_calls_reverted_does_not_halt(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """It cannot see any more that a pause stopped them, and does not take them for mistakes of its own.

    Nor does it matter that it catches up in ranges of blocks, and has no header of the one that they stand in.
    """
    await stage.accept([mint(next(numbers)) for _ in range(3 * MINTS_PER_CALL)])
    await stage.dies_at(f"{point}=kill", SCENES[point].weather)
    await pausing(stage)
    await stage.lever.mine(2 * STATES_OF_THE_NODE)
    await stage.people.unpause()
    async with stage.living():
        await stage.settles()
    assert ("state_forgotten",) in stage.rows("select revert_reason from chain.slots")
    await assert_nothing_lost_or_doubled(stage)


@pytest.mark.invariant("I2", "I3", "I9")
@pytest.mark.parametrize("point", each(["noop.reserved", "noop.stored"]))
async def test_an_adapter_killed_over_a_strangers_transaction_opens_its_lane_without_a_gap(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """A no-op takes the nonce of what its signer has sent past our records, and the mints follow it."""
    await stage.accept([mint(next(numbers)) for _ in range(MINTS_PER_LIFE)])
    left = await stage.lever.call("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000)})
    stage.foreign.add(left)
    await stage.dies_at(f"{point}=kill", calm, HASTY)
    async with stage.living(HASTY):

        async def look() -> bool | None:
            taken = stage.rows("select from chain.blockchain_transactions where nonce = 0 and answer = 'accepted'")
            return True if taken else None

        # Only then a block: the stranger's transaction could be mined as well, and that is another story.
        await eventually(look, within_s=SETTLES_WITHIN_S, what="the no-op is in the pool")
        await stage.settles()
    assert stage.rows("select nonce from chain.slots where kind = 'noop'") == [(0,)]
    await assert_nothing_lost_or_doubled(stage)


@pytest.mark.invariant("I3", "I9")
@pytest.mark.parametrize("point", each(sorted(ANCHORED)))
async def test_an_adapter_killed_while_it_anchors_evidence_publishes_it_once(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """A ledger has asked for it once, and mints go on beside it."""
    await stage.accept([mint(next(numbers)) for _ in range(MINTS_PER_LIFE)])
    await stage.anchor(ROOT, UP_TO)
    await stage.dies_at(f"{point}=kill", mining)
    async with stage.living():
        await stage.settles()
    assert stage.rows("select up_to, root, state from chain.anchors") == [(UP_TO, ROOT, "final")]
    assert stage.rows("select count(*) from chain.slots where kind = 'anchor'") == [(1,)]
    wanted = {"topics": [f"0x{ANCHORED_TOPIC.hex()}"], "fromBlock": "0x0"}
    [log] = await stage.lever.call("eth_getLogs", wanted)
    assert log["topics"][1:] == [f"0x{ROOT.hex()}", f"0x{UP_TO:064x}"]
    await assert_nothing_lost_or_doubled(stage)


@pytest.mark.invariant("I2", "I3", "I9")
@pytest.mark.parametrize("point", each(sorted(ORDERED)))
async def test_an_adapter_killed_while_it_retires_a_number_retires_it_once_and_mints_the_others(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """A person has cancelled one of three mints."""
    asked = [mint(next(numbers)) for _ in range(MINTS_PER_LIFE)]
    await stage.accept(asked)
    await stage.cancel(asked[0])
    await stage.dies_at(f"{point}=kill", calm)
    async with stage.living():
        await stage.settles()
    retired = "select number from chain.mints where (state, reason) = ('refused', 'number_retired')"
    assert stage.rows(retired) == [(asked[0].number,)]
    assert stage.rows("select count(*) from chain.slots where kind = 'retire'") == [(1,)]
    assert stage.rows("select count(*) from chain.outcomes") == [(len(asked),)]
    await assert_minted_once(stage)
    await assert_nonces_in_order(stage)


@pytest.mark.invariant("I2", "I9")
async def test_an_adapter_killed_while_it_halts_has_halted_after_its_restart(
    stage: Stage, numbers: Iterator[int]
) -> None:
    """What it saw it sees again; it has halted once, for the same reason, and its own call was in no block."""
    await stage.accept([mint(next(numbers)) for _ in range(MINTS_PER_LIFE)])
    first = stage.wanted[1]
    elsewhere = msgspec.structs.replace(first, amount=first.amount + 1)
    await stage.lever.automine(is_on=True)
    await stage.people.mint_elsewhere(elsewhere)
    await stage.lever.automine(is_on=False)
    await stage.dies_at("minting.halting=kill", calm)
    assert stage.rows("select halted_reason from chain.network") == [(None,)]
    async with stage.starting():

        async def look() -> bool | None:
            return True if stage.rows("select halted_reason from chain.network") != [(None,)] else None

        await eventually(look, within_s=SETTLES_WITHIN_S, what="minting is halted")
        assert stage.rows("select act, reason from chain.halt_journal") == [("halted", "number_minted_otherwise")]
        [(number, amount)] = [(log.number, log.amount) for log in await stage.reader.mint_logs()]
        assert (number, amount) == (1, elsewhere.amount)


def test_every_point_of_the_adapter_has_a_kill_test() -> None:
    """A point that is added is killed at, or this fails."""
    assert SCENES.keys() | STRANGE | ORDERED | ANCHORED == POINTS["adapter"]
    assert POINTS["adapter"] > FIRST


async def lives_on(
    stage: Stage, numbers: Iterator[int], traps: Sequence[str], scene: Scene, *, waits: bool = False
) -> None:
    """Die at each trap in turn, each time with fresh mints to do, then live: nothing was lost or doubled."""
    for trap in (*scene.before, *traps):
        await stage.accept([mint(next(numbers)) for _ in range(MINTS_PER_LIFE)])
        stage.happened.clear()
        await stage.dies_at(trap, scene.weather, scene.changes, waits=waits)
    if scene.weather is pausing:
        await stage.people.unpause()
    async with stage.living():
        await stage.settles()
    await assert_nothing_lost_or_doubled(stage)


async def assert_nothing_lost_or_doubled(stage: Stage) -> None:
    """Assert all that must hold once nothing is left to do."""
    await assert_minted_once(stage)
    await assert_nonces_in_order(stage)
    assert_told_once(stage)
