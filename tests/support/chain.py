"""The chain as anybody sees it: JSON-RPC over HTTP, read with nothing of ours but the contract's address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import msgspec
from eth_utils.crypto import keccak

MINTED: Final = f"0x{keccak(text='CashbackMinted(uint64,address,uint256)').hex()}"
_BALANCE_OF: Final = keccak(text="balanceOf(address)")[:4].hex()
_TOTAL_SUPPLY: Final = keccak(text="totalSupply()")[:4].hex()


class MintLog(msgspec.Struct, frozen=True):
    """One `CashbackMinted`, with the transaction that carried it."""

    number: int
    recipient: str
    amount: int
    block_number: int
    transaction_hash: str


class ChainReader:
    """Reads one token contract on one node."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        """Read over `http`, whose base URL is the node's."""
        self._http = http
        self._token = token

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, token: str) -> AsyncIterator["ChainReader"]:
        """Yield a reader of `token` on the node at `url`."""
        async with httpx.AsyncClient(base_url=url, timeout=10) as http:
            yield cls(http, token)

    async def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - parsed JSON
        """Return the result of one JSON-RPC call."""
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = (await self._http.post("", json=asked)).json()
        assert "error" not in answer, answer
        return answer["result"]

    async def mint_logs(self, *, up_to: str = "latest") -> list[MintLog]:
        """Return every mint of the contract, in order."""
        wanted = {"address": self._token, "topics": [MINTED], "fromBlock": "0x0", "toBlock": up_to}
        return [
            MintLog(
                number=int(log["topics"][1], 16),
                recipient=f"0x{log['topics'][2][-40:]}",
                amount=int(log["data"], 16),
                block_number=int(log["blockNumber"], 16),
                transaction_hash=log["transactionHash"],
            )
            for log in await self.call("eth_getLogs", wanted)
        ]

    async def balance(self, wallet: str) -> int:
        """Return what `wallet` holds at the head, in base units."""
        return await self._view(f"0x{_BALANCE_OF}{wallet.removeprefix('0x').lower():0>64}")

    async def supply(self) -> int:
        """Return the total supply at the head, in base units."""
        return await self._view(f"0x{_TOTAL_SUPPLY}")

    async def block(self, tag: str) -> int:
        """Return the number of the block behind a tag, such as `finalized`."""
        return int((await self.call("eth_getBlockByNumber", tag, False))["number"], 16)

    async def nonce(self, address: str, *, tag: str = "latest") -> int:
        """Return how many transactions of `address` the chain has taken."""
        return int(await self.call("eth_getTransactionCount", address, tag), 16)

    async def _view(self, calldata: str) -> int:
        """Return the number that a view of the token gives."""
        return int(await self.call("eth_call", {"to": self._token, "data": calldata}, "latest"), 16)
