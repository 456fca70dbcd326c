"""Running seeds one after the other on one database, and telling which of them failed and how to see that again."""

import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from cashback.kernel.db import Line, Tx
from tests.simulation.faults import Only
from tests.simulation.verdict import complaints
from tests.simulation.world import World

SEED_VARIABLE: Final = "CASHBACK_SIM_SEED"
_REPLAY: Final = "replay with: %s=%d .venv/bin/pytest tests/simulation/test_seeds.py -s -k replays"
_EMPTY: Final = """
truncate chain.network, chain.lanes, chain.slots, chain.blockchain_transactions, chain.mints, chain.blocks,
    chain.used_numbers, chain.outcomes, chain.leases, chain.lane_journal, chain.signed_amounts, chain.halt_journal,
    chain.mint_journal, chain.recoveries, chain.recovered_lanes, chain.requested_number, chain.anchors,
    chain.seen_anchors, chain.minters
    restart identity
"""


class Lived(msgspec.Struct, frozen=True):
    """What became of one seed: what does not hold, and what happened."""

    seed: int
    complaints: list[str]
    trace: list[str]


@asynccontextmanager
async def pooled(dsn: str) -> AsyncIterator[AsyncConnectionPool[Tx]]:
    """Give connections like the adapter's own, but never checked and never waiting for the disk: neither fails here."""
    pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
        dsn,
        connection_class=Line,
        kwargs={"options": "-c synchronous_commit=off -c timezone=UTC"},
        min_size=2,
        max_size=4,
        open=False,
    )
    async with pool:
        yield pool


def empty(witness: psycopg.Connection) -> None:
    """Leave nothing in the database of an earlier seed."""
    witness.execute(_EMPTY)


async def lived(
    seed: int,
    *,
    pool: AsyncConnectionPool[Tx],
    witness: psycopg.Connection,
    forging: bool = False,
    treacherous: bool = False,
    only: Only | None = None,
) -> Lived:
    """Return what became of a seed on the database behind `pool`, which is emptied before.

    Nodes may be `forging`, and the chain `treacherous`: what was final is replaced. The faults may be the `only` ones
    that are told instead of those that the seed chooses.
    """
    empty(witness)
    world = World(seed, pool=pool, witness=witness, forging=forging, treacherous=treacherous, only=only)
    problems = []
    try:
        await world.run()
    except Exception as failure:  # noqa: BLE001 - whatever ends a process of the adapter is told with its seed
        problems = ["".join(traceback.format_exception(failure)[-2:])]
    return Lived(seed, [*problems, *complaints(world)], world.trace)


async def failures_among(seeds: Iterable[int], *, dsn: str, witness: psycopg.Connection) -> list[str]:
    """Return what does not hold, seed by seed, each with how to see it again."""
    async with pooled(dsn) as pool:
        all_lived = [await lived(seed, pool=pool, witness=witness) for seed in seeds]
    return [
        f"seed {one.seed}: {complaint}; {_REPLAY % (SEED_VARIABLE, one.seed)}"
        for one in all_lived
        for complaint in one.complaints
    ]


async def first_failure(seeds: Iterable[int], *, dsn: str, witness: psycopg.Connection) -> Lived | None:
    """Return the first seed in which something does not hold, None when there is none."""
    async with pooled(dsn) as pool:
        for seed in seeds:
            one = await lived(seed, pool=pool, witness=witness)
            if one.complaints:
                return one
    return None
