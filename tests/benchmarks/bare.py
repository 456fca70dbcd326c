"""What a user would pick instead: a token of OpenZeppelin with an owner and a loop, contracts/bench/BareMint.sol."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from cashback.chain.gateway.artefact import Artefact
from cashback.chain.model import Address, Waiting
from tests.benchmarks.payer import Payer

GAS: Final = 16_000_000
"""What each transaction may use: as much as EIP-7825 leaves a round number of."""

_ARTEFACT: Final = Path(__file__).parent / "artifacts" / "BareMint.json"
_MINT: Final = keccak(text="mintBatch(address[],uint256[])")[:4]
_SUPPLY: Final = keccak(text="totalSupply()")[:4]


class BareToken:
    """A bare token that its owner mints; a batch is a list of recipients and one of amounts."""

    def __init__(self, owner: Payer, token: Address) -> None:
        """Mint `token` as its `owner`."""
        self._owner = owner
        self.token = token

    @classmethod
    async def deploy(cls, owner: Payer) -> "BareToken":
        """Return a token that is new on the chain."""
        artefact = msgspec.json.decode(_ARTEFACT.read_bytes(), type=Artefact)
        return cls(owner, await owner.create(artefact.creation(b""), gas=GAS))

    async def per_mint(self, batches: Sequence[Sequence[Waiting]]) -> list[float]:
        """Return each batch's gas per mint; the numbers of the mints mean nothing here."""
        return [await self._owner.gas_of(self.token, _calldata(batch), gas=GAS) / len(batch) for batch in batches]

    async def supply(self) -> int:
        """Return what was minted in all, in base units."""
        return int.from_bytes(await self._owner.ask(self.token, bytes(_SUPPLY)))


def _calldata(batch: Sequence[Waiting]) -> bytes:
    """Return a batch as Solidity's ABI has it."""
    recipients, amounts = [mint.recipient for mint in batch], [mint.amount for mint in batch]
    return bytes(_MINT) + encode(["address[]", "uint256[]"], [recipients, amounts])
