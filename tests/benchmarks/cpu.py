"""How much CPU a mint takes in the adapter's process.

A real `cashback adapter` on a chain with half-second blocks that have room for all: 4,000 mints are submitted over gRPC
in batches of 500 and waited for until they are final. Its processor time is read from /proc, so what the database, the
node and this process take does not count, and neither does waiting. It is told in multiples of a reference, a piece of
plain Python of the adapter's own kind (hexadecimal, JSON, dictionaries), whose processor time is taken before and
after: a slower machine, or one whose cores share their caches with others, is slower at both. The best of three rounds
counts, since noise only ever adds.
"""

import json
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from tests.benchmarks.adapter import serving
from tests.benchmarks.chain import fresh_mints, open_chain
from tests.benchmarks.feed import Feed

ROUNDS: Final = 3
MINTS: Final = 4_000
BLOCK_S: Final = 0.5
ROOM_FOR_ALL: Final = 1_000_000_000
_REFERENCE_ROUNDS: Final = 40
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Spent(msgspec.Struct, frozen=True):
    """What 1,000 mints took and what the reference took beside them."""

    cpu_ms: float
    reference_ms: float

    @property
    def references(self) -> float:
        """Return the one in multiples of the other."""
        return self.cpu_ms / self.reference_ms


async def per_thousand(folder: Path) -> Spent:
    """Return what 1,000 mints took in the best of some rounds, after one that does not count.

    Raises:
        RuntimeError: mints got no final outcome.
    """
    async with (
        open_chain(folder, block_time_s=BLOCK_S, gas_limit=ROOM_FOR_ALL) as chain,
        serving(folder, chain) as adapter,
    ):
        feed, rounds = Feed(adapter, fresh_mints()), []
        async with feed.running(feed.so_many(MINTS)):
            pass
        for _ in range(ROUNDS):
            reference_s, before_s = _reference_s(), used_s(adapter.process.pid)
            async with feed.running(feed.so_many(MINTS)):
                pass
            spent_s = used_s(adapter.process.pid) - before_s
            reference_s = (reference_s + _reference_s()) / 2
            rounds.append(Spent(spent_s / MINTS * 1_000_000, reference_s * 1_000))
    if feed.asked.keys() - feed.settled:
        raise RuntimeError("some mints got no final outcome")
    return min(rounds, key=lambda spent: spent.references)


def used_s(pid: int) -> float:
    """Return the processor time of a process, its threads and the kernel's work for it included (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _reference_s() -> float:
    """Return the processor time of a fixed piece of plain Python."""
    began_s = time.process_time()
    for turn in range(_REFERENCE_ROUNDS):
        logs = [{"data": f"0x{number * 7_919:064x}", "topics": [f"0x{turn:064x}"]} for number in range(1_000)]
        told = json.loads(json.dumps(logs))
        words = {bytes.fromhex(log["data"][2:]): int(log["topics"][0], 16) for log in told}
        sorted(words, key=lambda word: word[::-1])
    return time.process_time() - began_s
