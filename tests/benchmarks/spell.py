"""A spell of a chain's life: from one new block to another, and what its logs say was done in between.

Every way of minting is counted alike: by the logs in the blocks of a spell, over the time between the instants at
which its first and its last block were seen at the head.
"""

import asyncio
from typing import Final

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Address
from cashback.kernel.clock import monotonic_s
from cashback.kernel.lifecycle.stopping import pause
from tests.benchmarks.chain import Chain

WARM_UP_BLOCKS: Final = 4
_LOOK_EVERY_S: Final = 0.02
_BLOCKS_AT_ONCE: Final = 8
_NEVER: Final = asyncio.Event()


class Spell(msgspec.Struct, frozen=True):
    """The blocks after `first` up to `last`, and how long they took."""

    first: int
    last: int
    duration_s: float


async def spell(chain: Chain, *, duration_s: float) -> Spell:
    """Return the spell that begins after a warm-up and lasts about `duration_s`."""
    blocks = Blocks(chain.node, token=chain.token)
    first = await next_block(blocks)
    for _ in range(WARM_UP_BLOCKS):
        first = await next_block(blocks)
    began_s = monotonic_s()
    while True:
        last = await next_block(blocks)
        if monotonic_s() - began_s >= duration_s:
            return Spell(first, last, monotonic_s() - began_s)


async def logs_in(chain: Chain, spell: Spell, *, contract: Address, topic: bytes) -> list[int]:
    """Return how many logs of a contract with a topic each block of the spell has, in order."""
    found = dict.fromkeys(range(spell.first + 1, spell.last + 1), 0)
    for start in range(spell.first + 1, spell.last + 1, _BLOCKS_AT_ONCE):
        end = min(start + _BLOCKS_AT_ONCE - 1, spell.last)
        where = {"fromBlock": hex(start), "toBlock": hex(end)}
        [logs] = await chain.node.ask(
            [("eth_getLogs", [{"address": f"0x{contract.hex()}", "topics": [f"0x{topic.hex()}"], **where}])]
        )
        for log in logs:
            found[int(log["blockNumber"], 16)] += 1
    return list(found.values())


async def next_block(blocks: Blocks) -> int:
    """Return the number of the next block that becomes the head."""
    number = (await blocks.latest()).number
    while (head := (await blocks.latest()).number) == number:
        await pause(_NEVER, _LOOK_EVERY_S)
    return head
