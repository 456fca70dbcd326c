"""A development chain with our contracts, mints to put on it, and a count of what its logs say became of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, MintedLog, Waiting
from cashback.kernel.config import Secret, environment
from cashback.processes import contracts
from cashback.processes.embedded import CHAIN_ID, EmbeddedAnvil, find_anvil
from cashback.processes.signing import address
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC
from tests.benchmarks.shop import recipient

UNITS: Final = 1_000_000
"""What each mint is worth: one token."""

FINAL_AFTER_BLOCKS: Final = 4
"""anvil's final block is two epochs below its head, and the stack's epochs have two slots."""


class Chain(msgspec.Struct, frozen=True):
    """A running chain and where the contracts stand."""

    anvil: EmbeddedAnvil
    node: Node
    token: Address
    minter: Address

    @property
    def settings(self) -> dict[str, str]:
        """Return the adapter's settings of this chain."""
        return {
            "CASHBACK_RPC_URLS": self.anvil.url,
            "CASHBACK_CHAIN_ID": str(CHAIN_ID),
            "CASHBACK_TOKEN_ADDRESS": f"0x{self.token.hex()}",
            "CASHBACK_MINTER_ADDRESS": f"0x{self.minter.hex()}",
            "CASHBACK_KEY_MNEMONIC": DEVELOPMENT_MNEMONIC,
        }

    async def astray(self, asked: Mapping[int, Waiting]) -> int:
        """Return how many mint logs are missing, doubled, strange or wrong, and one more when the supply is."""
        blocks = Blocks(self.node, token=self.token)
        head = (await blocks.latest()).number
        minted: list[tuple[int, Address, int]] = []
        reached = 0
        while reached < head:
            reached, logs = await blocks.logs_from(reached + 1, head)
            minted += [(log.number, log.recipient, log.amount) for log in logs if isinstance(log, MintedLog)]
        wanted = {(mint.number, mint.recipient, mint.amount) for mint in asked.values()}
        supply = await Contracts(self.node, token=self.token, minter=self.minter).supply(head)
        is_wrong = supply != sum(mint.amount for mint in asked.values())
        return len(wanted ^ set(minted)) + len(minted) - len(set(minted)) + is_wrong


@asynccontextmanager
async def open_chain(
    folder: Path, *, block_time_s: float | None = 1, gas_limit: int = 36_000_000
) -> AsyncIterator[Chain]:
    """Yield a chain of its own with fresh contracts."""
    program = await asyncio.to_thread(find_anvil, environment())
    anvil = EmbeddedAnvil(folder / "anvil", program=program, block_time_s=block_time_s, gas_limit=gas_limit)
    await asyncio.to_thread(anvil.start)
    try:
        deployed = await contracts.deploy(
            contracts.Settings(rpc_urls=(anvil.url,), chain_id=CHAIN_ID, key_mnemonic=Secret(DEVELOPMENT_MNEMONIC))
        )
        async with Node.open((anvil.url,), chain_id=CHAIN_ID, timeout_s=10) as node:
            yield Chain(anvil, node, address(deployed.token), address(deployed.minter))
    finally:
        await asyncio.to_thread(anvil.stop)


def mints(numbers: Sequence[int], wallets: Iterator[int]) -> list[Waiting]:
    """Return a mint for each number, to the next of the numbered wallets."""
    return [Waiting(number, recipient(next(wallets)), UNITS) for number in numbers]


def fresh_mints() -> Iterator[Waiting]:
    """Yield mints without end, numbered from 1 on, each to a wallet of its own."""
    return (Waiting(number, recipient(number), UNITS) for number in count(1))
