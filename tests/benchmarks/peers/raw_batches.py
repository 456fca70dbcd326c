"""The limit: the same packed batches without any adapter. Nothing is stored, followed, priced, or sent a second time.

Transactions are packed and signed ahead; whenever a block was mined the pool is filled up again, so that it always
holds more than a block takes.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Final

from cashback.chain.gateway import keys
from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Fees, Transaction, Waiting
from cashback.chain.rules import transaction
from cashback.chain.rules.packing import Limits, pack
from cashback.kernel.lifecycle.stopping import pause
from cashback.processes.embedded import CHAIN_ID
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC
from tests.benchmarks.chain import Chain
from tests.benchmarks.spell import next_block

BATCH_MINTS: Final = 216
"""Ten of them fill a block of 60M gas with 2,160 mints; ten of 200 leave room, and of 256 only eight fit."""
IN_POOL: Final = 32
"""Three blocks of 60M gas."""
_FEES: Final = Fees(max_fee_wei=10**12, tip_wei=10**9)
_OPERATOR: Final = 1
_LOOK_EVERY_S: Final = 0.02


class RawBatches:
    """The operator's key, and transactions signed ahead."""

    def __init__(self, chain: Chain, mints: Iterator[Waiting]) -> None:
        """Mint the next of `mints` on `chain`, as an operator who has sent nothing yet."""
        self._chain = chain
        self._mints = mints
        self._signer = keys.from_mnemonic(DEVELOPMENT_MNEMONIC, index=_OPERATOR, chain_id=CHAIN_ID)
        self._signed: list[bytes] = []
        self._sent = 0
        self._packed: list[list[Waiting]] = []

    @property
    def asked(self) -> dict[int, Waiting]:
        """Return the mints that were sent, by number."""
        return {mint.number: mint for batch in self._packed[: self._sent] for mint in batch}

    async def sign_ahead(self, many: int) -> None:
        """Pack and sign the next `many` transactions."""
        for _ in range(many):
            batch = list(islice(self._mints, BATCH_MINTS))
            [call] = pack(batch, Limits(calls=1, mints=BATCH_MINTS, gas=16_000_000, amount=2**63))
            unsigned = Transaction(
                chain_id=CHAIN_ID,
                nonce=len(self._signed),
                fees=_FEES,
                gas=call.gas,
                target=self._chain.minter,
                calldata=call.calldata,
            )
            signature = await self._signer.sign(transaction.digest(unsigned))
            self._signed.append(transaction.attempt(unsigned, signature, lane=0).raw)
            self._packed.append(batch)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the pool full until `stop` is set; then return once a block carries all that was sent.

        Raises:
            RuntimeError: the node refused one, or too few were signed ahead.
        """
        blocks = Blocks(self._chain.node, token=self._chain.token)
        while not stop.is_set() or await self._mined(blocks) < self._sent:
            while not stop.is_set() and self._sent - await self._mined(blocks) < IN_POOL:
                await self._send()
            await pause(asyncio.Event(), _LOOK_EVERY_S)
        # anvil counts nonces of a block before it shows the block.
        await next_block(blocks)

    async def _mined(self, blocks: Blocks) -> int:
        """Return how many of the transactions blocks carry."""
        [mined] = await blocks.nonces(self._signer.address, ["latest"])
        return mined

    async def _send(self) -> None:
        """Send the next one."""
        if self._sent == len(self._signed):
            raise RuntimeError("more transactions were mined than were signed ahead")
        [answer] = await self._chain.node.send(self._signed[self._sent])
        if not answer.is_accepted:
            raise RuntimeError(f"the node refused a transaction: {answer.problem}")
        self._sent += 1
