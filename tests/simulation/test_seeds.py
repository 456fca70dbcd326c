"""The adapter's real logic in worlds where everything goes wrong that heals: whatever the seed, the invariants hold.

A seed that fails is named, and replays exactly:

    CASHBACK_SIM_SEED=123 .venv/bin/pytest tests/simulation/test_seeds.py -s -k replays
"""

import psycopg
import pytest

from cashback.kernel.config import environment
from cashback.kernel.failpoints import POINTS
from tests.simulation.faults import Fault, Only
from tests.simulation.run import SEED_VARIABLE, failures_among, lived, pooled

DEFAULT = range(200)
DEEP = range(1_000, 3_000)
SOAK = range(10_000, 20_000)
FORGED = range(30)
BETRAYED = range(16)
BETRAYED_DEEP = range(1_000, 1_300)
ENDED = range(40)
STRANGE = frozenset({"noop.reserved", "noop.stored", "minting.halting"})
"""Points that no honest seed reaches: nobody else has our keys here."""
KINDS_AROUND_POINTS: frozenset[Fault] = frozenset({"reorganised", "paused", "send_swallowed"})
"""What it takes to get to all of them: forks, calls that revert, and attempts that no block carries for long."""


def portions(seeds: range, *marks: pytest.MarkDecorator, each: int) -> list[object]:
    """Return the seeds of one tier in portions, each small enough for one test."""
    starts = range(seeds.start, seeds.stop, each)
    return [
        pytest.param(range(start, start + each), id=f"seeds-{start}-{start + each - 1}", marks=marks)
        for start in starts
    ]


@pytest.mark.invariant("I2", "I3", "I9", "I10")
@pytest.mark.parametrize(
    "seeds",
    [
        *portions(DEFAULT, each=25),
        *portions(DEEP, pytest.mark.deep, each=100),
        *portions(SOAK, pytest.mark.soak, each=500),
    ],
)
async def test_whatever_goes_wrong_each_mint_is_made_once_and_told_once(
    seeds: range, adapters_dsn: str, witness: psycopg.Connection
) -> None:
    """When all has healed: minted once, nothing sent unstored, nonces in order, outcomes as on chain, no halt."""
    assert await failures_among(seeds, dsn=adapters_dsn, witness=witness) == []


@pytest.mark.invariant("I2", "I3", "I9", "I10")
async def test_a_node_that_forges_nonces_halts_minting_at_worst(adapters_dsn: str, witness: psycopg.Connection) -> None:
    """A person looks, takes the node away and resumes: nothing was minted twice, and nothing is missing."""
    async with pooled(adapters_dsn) as pool:
        told = [await lived(seed, pool=pool, witness=witness, forging=True) for seed in FORGED]
    assert [(one.seed, one.complaints) for one in told if one.complaints] == []
    assert any("resumed" in line for one in told for line in one.trace)


@pytest.mark.invariant("I2", "I3", "I9", "I10")
@pytest.mark.parametrize("seeds", [*portions(BETRAYED, each=16), *portions(BETRAYED_DEEP, pytest.mark.deep, each=20)])
async def test_a_chain_that_replaces_final_blocks_is_recovered_by_a_person_at_worst(
    seeds: range, adapters_dsn: str, witness: psycopg.Connection
) -> None:
    """Whoever dies in the recovery or beside it: all is minted again once, and told as the chain has it."""
    async with pooled(adapters_dsn) as pool:
        told = [await lived(seed, pool=pool, witness=witness, treacherous=True) for seed in seeds]
    assert [(one.seed, one.complaints) for one in told if one.complaints] == []
    assert any("recovered [" in line and "[]" not in line for one in told for line in one.trace)


@pytest.mark.invariant("I2", "I3", "I9", "I10")
@pytest.mark.parametrize("point", sorted(POINTS["adapter"] - STRANGE))
async def test_processes_that_end_at_a_named_point_mint_everything_once(
    adapters_dsn: str, witness: psycopg.Connection, point: str
) -> None:
    """Seed after seed, until one has ended a process there and taken it, or its successor, to the end all the same."""
    only = Only(KINDS_AROUND_POINTS, frozenset({point}))
    ended = False
    async with pooled(adapters_dsn) as pool:
        for seed in ENDED:
            one = await lived(seed, pool=pool, witness=witness, only=only)
            assert (seed, one.complaints) == (seed, [])
            ended = any(line.endswith(f" ends at {point}") for line in one.trace)
            if ended:
                break
    assert ended


async def test_a_seed_replays_exactly(adapters_dsn: str, witness: psycopg.Connection) -> None:
    """Twice the same number, twice the same story, told on standard output: the one asked for, or the first."""
    seed = int(environment().get(SEED_VARIABLE, "0"))
    async with pooled(adapters_dsn) as pool:
        first, second = [await lived(seed, pool=pool, witness=witness) for _ in range(2)]
    print("", *first.trace, *first.complaints, sep="\n")  # noqa: T201 - for whoever asked for a seed
    assert first == second
    assert first.complaints == []
