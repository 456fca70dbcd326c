"""A key on a chain that mines at once, and what its transactions cost by their receipts."""

import asyncio
from itertools import count
from typing import Final

from cashback.chain.gateway import keys
from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Address, Fees, Receipt, Transaction
from cashback.chain.rules import transaction
from cashback.kernel.clock import monotonic_s
from cashback.processes.embedded import CHAIN_ID
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC
from tests.benchmarks.chain import Chain

_FEES: Final = Fees(max_fee_wei=10**11, tip_wei=10**9)
_WITHIN_S: Final = 30.0


class Payer:
    """One account of the development mnemonic that has sent nothing yet; each call waits for its receipt."""

    def __init__(self, chain: Chain, *, index: int) -> None:
        """Pay with the mnemonic's account `index`."""
        self._chain = chain
        self._blocks = Blocks(chain.node, token=chain.token)
        self._signer = keys.from_mnemonic(DEVELOPMENT_MNEMONIC, index=index, chain_id=CHAIN_ID)
        self._nonces = count()

    async def gas_of(self, target: Address, calldata: bytes, *, gas: int) -> int:
        """Return what a call used.

        Raises:
            RuntimeError: it reverted.
        """
        return (await self._mined(target, calldata, nonce=next(self._nonces), gas=gas)).gas_used

    async def create(self, code: bytes, *, gas: int) -> Address:
        """Return where a contract now stands that this account made.

        Raises:
            RuntimeError: its constructor reverted.
        """
        nonce = next(self._nonces)
        await self._mined(None, code, nonce=nonce, gas=gas)
        return transaction.created_address(self._signer.address, nonce)

    async def ask(self, target: Address, calldata: bytes) -> bytes:
        """Return what a view answers at the head."""
        call = {"to": f"0x{target.hex()}", "data": f"0x{calldata.hex()}"}
        [answer] = await self._chain.node.ask([("eth_call", [call, "latest"])])
        return bytes.fromhex(str(answer).removeprefix("0x"))

    async def _mined(self, target: Address | None, calldata: bytes, *, nonce: int, gas: int) -> Receipt:
        """Return the receipt of a transaction that did what it should."""
        unsigned = Transaction(chain_id=CHAIN_ID, nonce=nonce, fees=_FEES, gas=gas, target=target, calldata=calldata)
        attempt = transaction.attempt(unsigned, await self._signer.sign(transaction.digest(unsigned)), lane=0)
        await self._chain.node.send(attempt.raw)
        deadline_s = monotonic_s() + _WITHIN_S
        while (receipt := (await self._blocks.receipts([attempt.hash])).get(attempt.hash)) is None:
            if monotonic_s() > deadline_s:
                raise TimeoutError(f"the transaction at nonce {nonce} was not mined")
            await asyncio.sleep(0)
        if not receipt.is_success:
            raise RuntimeError(f"the transaction at nonce {nonce} reverted")
        return receipt
