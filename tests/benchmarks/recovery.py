"""How long after a kill -9 the adapter sends again.

100 mints/s as in `latency.py`, which go on while the adapter is down: whoever submits asks again. Five times the
process is killed and started again at once; from that start it is counted, the start of Python and the lease of the
dead one included, to the answer to the first attempt that was signed after it. In the end every mint must be final,
once.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from cashback.kernel.lifecycle.stopping import pause
from tests.benchmarks.adapter import Serving, serving
from tests.benchmarks.chain import fresh_mints, open_chain
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.feed import Feed
from tests.benchmarks.latency import GAS_LIMIT, PACE

KILLS: Final = 5
RECOVERED_MAX_S: Final = 5.0
BEFORE_KILL_S: Final = 4.3
"""No multiple of the second in which leases are renewed: each kill meets another part of it."""
_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.05


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_chain(folder, gas_limit=GAS_LIMIT) as chain, serving(folder, chain) as adapter:
        feed = Feed(adapter, fresh_mints())
        took_s = []
        async with feed.running(feed.paced(PACE)):
            for _ in range(KILLS):
                await pause(asyncio.Event(), BEFORE_KILL_S)
                took_s.append(await _recovered_s(adapter))
        astray = await chain.astray(feed.asked)
    unsettled, slowest = len(feed.asked.keys() - feed.settled), max(took_s)
    return [
        at_most(f"kill -9 and restart to the next new send, slowest of {KILLS}", slowest, "s", bound=RECOVERED_MAX_S),
        reported("the same, fastest", min(took_s), "s"),
        exactly("mints without a final outcome after the kills", unsettled, "mints", expected=0),
        exactly("mint logs lost, doubled or wrong after the kills", astray, "logs", expected=0),
    ]


async def _recovered_s(adapter: Serving) -> float:
    """Kill the process, start it again, and return how long that took until it had sent something new.

    Raises:
        TimeoutError: it sent nothing.
    """
    await asyncio.to_thread(adapter.process.kill)
    began_s = time.time()
    await asyncio.to_thread(adapter.process.start)
    async with asyncio.timeout(_WITHIN_S):
        while True:
            [(sent_s,)] = await adapter.rows(
                f"""
                select extract(epoch from min(sent_at))::float8
                from chain.blockchain_transactions
                where stored_at > to_timestamp({began_s:.6f})
                """
            )
            if sent_s is not None:
                return float(sent_s) - began_s
            await pause(asyncio.Event(), _LOOK_EVERY_S)
