"""How long a mint takes inside the adapter at a calm pace: until it is sent, and once it is final.

100 mints/s for 60 s, each handed over when it is due, all wallets fresh, 1 s blocks of 60M gas.

    accepted ──▶ sent        by the adapter's own records: the mint's row stored, its first attempt answered
    tag moves ──▶ outcome    the node's finalised tag is asked for every 10 ms, beside the adapter; for each block, the
                             last of its outcomes to arrive on the stream counts

An attempt that was sent again shows its last send, not its first: that makes the figure longer, never shorter.
"""

import asyncio
from pathlib import Path
from statistics import quantiles
from typing import Final

from cashback.chain.gateway.blocks import Blocks
from cashback.kernel.clock import monotonic_s
from cashback.kernel.lifecycle.stopping import pause
from tests.benchmarks.adapter import Serving, serving
from tests.benchmarks.chain import Chain, fresh_mints, open_chain
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.feed import Feed

PACE: Final = 100
SENT_P50_MAX_MS: Final = 150
SENT_P99_MAX_MS: Final = 1_000
FINAL_MAX_S: Final = 1.0
GAS_LIMIT: Final = 60_000_000
_LOOK_EVERY_S: Final = 0.01


class FinalTag:
    """The node's own finalised tag, watched."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self.moved_at_s: dict[int, float] = {}
        """When each block was first seen final, by the monotonic clock."""

    async def watch(self, chain: Chain, stop: asyncio.Event) -> None:
        """Look at the tag until told to stop; blocks that became final together were seen together."""
        blocks = Blocks(chain.node, token=chain.token)
        known = await _final(blocks)
        while not stop.is_set():
            final = await _final(blocks)
            self.moved_at_s |= dict.fromkeys(range(known + 1, final + 1), monotonic_s())
            known = final
            await pause(stop, _LOOK_EVERY_S)


async def measure(folder: Path, *, duration_s: float) -> list[Check]:
    """Return the figures."""
    async with open_chain(folder, gas_limit=GAS_LIMIT) as chain, serving(folder, chain) as adapter:
        feed, tag, stop = Feed(adapter, fresh_mints()), FinalTag(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tag.watch(chain, stop))
            async with feed.running(feed.paced(PACE)):
                await pause(stop, duration_s)
            stop.set()
        sent_ms = await _sent_ms(adapter)
        astray = await chain.astray(feed.asked)
    unsettled = len(feed.asked.keys() - feed.settled)
    # What became final before the first look at the tag was not seen moving.
    final_s = [at_s - tag.moved_at_s[block] for block, at_s in feed.settled_at_s.items() if block in tag.moved_at_s]
    return [
        *_percentiles(sent_ms),
        at_most("finalised tag moved to outcome on the stream, slowest", max(final_s), "s", bound=FINAL_MAX_S),
        reported("blocks of which that was seen", len(final_s), "blocks"),
        exactly(f"mints at {PACE}/s without a final outcome", unsettled, "mints", expected=0),
        exactly(f"mint logs lost, doubled or wrong at {PACE}/s", astray, "logs", expected=0),
    ]


def _percentiles(sent_ms: list[float]) -> list[Check]:
    """Return how long it took until mints were sent."""
    cuts = quantiles(sent_ms, n=100)
    return [
        at_most(f"accepted to sent at {PACE}/s, p50", cuts[49], "ms", bound=SENT_P50_MAX_MS),
        at_most(f"accepted to sent at {PACE}/s, p99", cuts[98], "ms", bound=SENT_P99_MAX_MS),
        reported(f"accepted to sent at {PACE}/s, slowest", max(sent_ms), "ms"),
    ]


async def _sent_ms(adapter: Serving) -> list[float]:
    """Return for each mint how long it was from its acceptance until its first attempt had an answer."""
    rows = await adapter.rows(
        """
        select (extract(epoch from first.sent_at - mints.accepted_at) * 1000)::float8
        from chain.mints
        cross join lateral (
            select sent_at
            from chain.blockchain_transactions as attempts
            where attempts.lane = mints.lane
              and attempts.nonce = mints.nonce
            order by place
            limit 1
        ) as first
        """
    )
    return [row[0] for row in rows]


async def _final(blocks: Blocks) -> int:
    """Return the number of the node's final block, -1 while there is none."""
    final = (await blocks.heads()).final
    return -1 if final is None else final.number
