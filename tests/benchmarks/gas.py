"""`gas`: what a mint costs through the minter, to a fresh wallet and to one that has tokens, by the size of the batch.

Method. A chain that mines at once; calldata packed and signed by the adapter's own code; gas from the receipts, which
is exact and the same on every machine. Numbers are consecutive from the start of a bitmap word on, as the ledger gives
them out, so that every size pays for the words it opens; wallets within a batch differ. The figure of a size is the
mean of its batches; the targets are held against the dearest batch of 200. One mint before all others pays for what a
contract pays once. Every mint log and the supply are compared at the end.
"""

import asyncio
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from cashback.chain.gateway import keys
from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Call, Fees, Receipt, Transaction, Waiting
from cashback.chain.rules import transaction
from cashback.chain.rules.packing import Limits, pack
from cashback.kernel.clock import monotonic_s
from cashback.processes.embedded import CHAIN_ID
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC
from tests.benchmarks.chain import Chain, mints, open_chain
from tests.benchmarks.checks import Check, at_most, exactly, reported

BATCHES: Final = {1: 256, 10: 26, 100: 8, 200: 8}
"""How many batches of each size: at least one whole bitmap word."""

FRESH_MAX: Final = 30_000
REPEAT_MAX: Final = 13_000
_GATED: Final = 200
_WORD: Final = 256
_FEES: Final = Fees(max_fee_wei=10**11, tip_wei=10**9)
_WITHIN_S: Final = 30.0


class Minting:
    """The operator's key, sending batches; remembers what it asked for."""

    def __init__(self, chain: Chain) -> None:
        """Mint on `chain`, whose operator is the mnemonic's account 1."""
        self._chain = chain
        self._blocks = Blocks(chain.node, token=chain.token)
        self._signer = keys.from_mnemonic(DEVELOPMENT_MNEMONIC, index=1, chain_id=CHAIN_ID)
        self._nonces = count()
        self.asked: dict[int, Waiting] = {}

    async def per_mint(self, batches: Sequence[Sequence[Waiting]]) -> list[float]:
        """Return each batch's gas per mint."""
        self.asked |= {mint.number: mint for batch in batches for mint in batch}
        return [(await self._gas(batch)) / len(batch) for batch in batches]

    async def _gas(self, batch: Sequence[Waiting]) -> int:
        """Return the gas that one transaction used."""
        [call] = pack(batch, Limits(calls=1, mints=len(batch), gas=16_000_000, amount=2**63))
        unsigned = Transaction(
            chain_id=CHAIN_ID,
            nonce=next(self._nonces),
            fees=_FEES,
            gas=call.gas,
            target=self._chain.minter,
            calldata=call.calldata,
        )
        attempt = transaction.attempt(unsigned, await self._signer.sign(transaction.digest(unsigned)), lane=0)
        await self._chain.node.send(attempt.raw)
        deadline_s = monotonic_s() + _WITHIN_S
        while (receipt := (await self._blocks.receipts([attempt.hash])).get(attempt.hash)) is None:
            if monotonic_s() > deadline_s:
                raise TimeoutError(f"batch of {len(batch)} was not mined")
            await asyncio.sleep(0)
        return _used(receipt, call)


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    numbers, wallets = count(_WORD), count()
    figures: list[Check] = []
    dearest: dict[str, float] = {}
    async with open_chain(folder, block_time_s=None) as chain:
        minting = Minting(chain)
        await minting.per_mint([mints([1], wallets)])
        for size, many in BATCHES.items():
            fresh = [mints(window, wallets) for window in _windows(numbers, size, many)]
            again = [
                [Waiting(number, mint.recipient, mint.amount) for number, mint in zip(window, batch, strict=True)]
                for window, batch in zip(_windows(numbers, size, many), fresh, strict=True)
            ]
            for kind, batches in (("fresh", fresh), ("repeat", again)):
                gas = await minting.per_mint(batches)
                dearest[f"{size} {kind}"] = max(gas)
                figures.append(reported(f"batch of {size}, {kind} wallets", sum(gas) / len(gas), "gas/mint"))
        astray = await chain.astray(minting.asked)
    return [
        at_most("batch of 200, fresh wallets, dearest", dearest[f"{_GATED} fresh"], "gas/mint", bound=FRESH_MAX),
        at_most("batch of 200, repeat wallets, dearest", dearest[f"{_GATED} repeat"], "gas/mint", bound=REPEAT_MAX),
        *figures,
        exactly("mint logs lost, doubled or wrong", astray, "logs", expected=0),
    ]


def _windows(numbers: "count[int]", size: int, many: int) -> list[list[int]]:
    """Return consecutive numbers in windows, from the start of a bitmap word on."""
    while next(numbers) % _WORD != _WORD - 1:
        pass
    return [[next(numbers) for _ in range(size)] for _ in range(many)]


def _used(receipt: Receipt, call: Call) -> int:
    """Return the gas of a receipt.

    Raises:
        RuntimeError: the call reverted.
    """
    if not receipt.is_success:
        raise RuntimeError(f"a batch of {len(call.numbers)} reverted")
    return receipt.gas_used
