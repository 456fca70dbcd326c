"""How many JSON-RPC requests 1,000 mints take, which is what a provider charges for.

The real adapter over a real database and anvil, its loops turned by hand in this process: 1,000 mints accepted, one
turn of the lane, a block, one turn of the follower; after one round that does not count, four times over. So the work
is the same each time, no poll depends on the clock, and one request more is a rise. Each request of a batch counts.
"""

import asyncio
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Final

from prometheus_client import REGISTRY

from cashback.chain.model import Mint
from cashback.kernel.config import load
from cashback.processes.adapter import Adapter, Settings, opened
from tests.benchmarks.adapter import at_home
from tests.benchmarks.chain import Chain, fresh_mints, open_chain

BLOCKS: Final = 4
MINTS_PER_BLOCK: Final = 1_000
_METRIC: Final = "cashback_chain_rpc_requests"


async def per_block(folder: Path) -> dict[str, float]:
    """Return how many requests of each method a block of 1,000 mints took.

    Raises:
        RuntimeError: the work was not what it should be.
    """
    async with open_chain(folder, block_time_s=None) as chain, at_home(folder, chain) as home:
        await chain.node.ask([("evm_setAutomine", [False])])
        async with opened(load(Settings, home.settings)) as (adapter, _):
            mints = (Mint(one.number, f"cb_{one.number}", one.recipient, one.amount) for one in fresh_mints())
            await _block(adapter, chain, list(islice(mints, MINTS_PER_BLOCK)))
            before = _asked()
            for _ in range(BLOCKS):
                await _block(adapter, chain, list(islice(mints, MINTS_PER_BLOCK)))
            asked = _asked() - before
    return {method: many / BLOCKS for method, many in asked.items()}


async def _block(adapter: Adapter, chain: Chain, mints: list[Mint]) -> None:
    """Have mints accepted, signed, sent, mined and seen."""
    await adapter.acceptance.submit(mints)
    [lane] = adapter.lanes
    await lane._turn()
    await asyncio.to_thread(chain.anvil.mine_pending)
    await adapter.follower._turn()
    seen = await adapter.reading.mints([mint.number for mint in mints])
    if {view.state for view in seen} != {"included"}:
        raise RuntimeError("a turn did not sign, send or see all of it")


def _asked() -> Counter[str]:
    """Return the requests of this process until now, by method."""
    metrics = (metric for metric in REGISTRY.collect() if metric.name == _METRIC)
    asked: Counter[str] = Counter()
    for sample in (sample for metric in metrics for sample in metric.samples if sample.name.endswith("_total")):
        asked[sample.labels["method"]] += int(sample.value)
    return asked
