"""What people write: web3.py, one transaction per mint, the nonce counted locally, receipts waited for in bulk.

The token is the bare one (contracts/bench/BareMint.sol), which spares it our guard, limit and events.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.types import Nonce, TxParams, Wei

from cashback.chain.model import Address, Waiting
from cashback.processes.embedded import CHAIN_ID
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC

AT_ONCE: Final = 100
RECEIPTS_OWED_MAX: Final = 8
"""So many hundreds may wait for their receipts while the next are sent."""
_GAS: Final = 80_000
_FEES: Final[TxParams] = {"maxFeePerGas": Wei(10**12), "maxPriorityFeePerGas": Wei(10**9)}
_RECEIPTS_WITHIN_S: Final = 60
_ABI: Final[list[dict[str, Any]]] = [
    {
        "type": "function",
        "name": "mintBatch",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "recipients", "type": "address[]"}, {"name": "amounts", "type": "uint256[]"}],
        "outputs": [],
    }
]


class Web3Single:
    """An owner of a bare token who mints to one wallet after the other."""

    def __init__(self, url: str, token: Address, *, account: int, nonce: int) -> None:
        """Mint as the development mnemonic's account of that place, from `nonce` on."""
        Account.enable_unaudited_hdwallet_features()
        self._owner: LocalAccount = Account.from_mnemonic(
            DEVELOPMENT_MNEMONIC, account_path=f"m/44'/60'/0'/0/{account}"
        )
        self._w3 = AsyncWeb3(AsyncHTTPProvider(url))
        self._token = self._w3.eth.contract(address=self._w3.to_checksum_address(f"0x{token.hex()}"), abi=_ABI)
        self._nonce = nonce
        self.failed = 0
        """How many transactions did not succeed."""

    async def run(self, mints: Iterator[Waiting], stop: asyncio.Event) -> None:
        """Mint the next of `mints` until `stop` is set; then return once every receipt is there."""
        owed: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            hashes = await asyncio.gather(*(self._send(mint) for mint in islice(mints, AT_ONCE)))
            owed.add(asyncio.create_task(self._receipts(hashes)))
            if len(owed) >= RECEIPTS_OWED_MAX:
                done, owed = await asyncio.wait(owed, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
        await asyncio.gather(*owed)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._w3.provider.disconnect()

    async def _send(self, mint: Waiting) -> HexBytes:
        """Send one mint; return its transaction's hash."""
        nonce, self._nonce = self._nonce, self._nonce + 1
        recipient = self._w3.to_checksum_address(f"0x{mint.recipient.hex()}")
        built = await self._token.functions.mintBatch([recipient], [mint.amount]).build_transaction(
            {
                **_FEES,
                "from": self._owner.address,
                "nonce": Nonce(nonce),
                "gas": _GAS,
                "chainId": CHAIN_ID,
                "value": Wei(0),
            }
        )
        signed = self._owner.sign_transaction(dict(built))  # type: ignore[arg-type]  # its type knows no address
        return await self._w3.eth.send_raw_transaction(signed.raw_transaction)

    async def _receipts(self, hashes: Sequence[HexBytes]) -> None:
        """Return once all of these were mined."""
        receipts = await asyncio.gather(
            *(self._w3.eth.wait_for_transaction_receipt(one, timeout=_RECEIPTS_WITHIN_S) for one in hashes)
        )
        self.failed += sum(receipt["status"] != 1 for receipt in receipts)
