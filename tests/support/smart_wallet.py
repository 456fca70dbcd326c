"""A wallet whose code signs for it (ERC-1271), on a development chain: contracts/test/SmartWallet.sol."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from eth_utils.crypto import keccak

from cashback.chain.gateway.artefact import Artefact
from tests.support.facts import eventually

Ask: TypeAlias = Callable[..., Awaitable[Any]]
"""Asks the node by a method and its parameters, and returns its result."""

_ARTEFACT: Final = Path(__file__).parent / "artifacts" / "SmartWallet.json"
_HAND_OVER: Final = bytes(keccak(text="transferOwnership(address)"))[:4]
_DEPLOYER: Final = "0x90f79bf6eb2c4f870365e785982e1f101e93b906"
"""The mnemonic's fourth account, with which nobody mints."""
_MINED_WITHIN_S: Final = 30.0


async def deployed(ask: Ask, owner: bytes) -> bytes:
    """Return the address of a wallet that is new on the chain, and `owner`'s."""
    artefact = msgspec.json.decode(_ARTEFACT.read_bytes(), type=Artefact)
    receipt = await _sent(ask, {"from": _DEPLOYER, "data": f"0x{artefact.creation(_word(owner)).hex()}"})
    return bytes.fromhex(str(receipt["contractAddress"])[2:])


async def hand_over(ask: Ask, wallet: bytes, owner: bytes, *, to: bytes) -> None:
    """Have the wallet be another one's, in a block of the chain; `owner` needs no key for it."""
    sender = f"0x{owner.hex()}"
    await ask("anvil_impersonateAccount", sender)
    await ask("anvil_setBalance", sender, hex(10**18))
    await _sent(ask, {"from": sender, "to": f"0x{wallet.hex()}", "data": f"0x{(_HAND_OVER + _word(to)).hex()}"})


async def _sent(ask: Ask, transaction: dict[str, str]) -> dict[str, Any]:
    """Return the receipt of a transaction that did what it should."""
    sent = await ask("eth_sendTransaction", {**transaction, "gas": hex(2_000_000)})

    async def look() -> dict[str, Any] | None:
        """Return the receipt, once there is one."""
        found: dict[str, Any] | None = await ask("eth_getTransactionReceipt", sent)
        return found

    receipt = await eventually(look, within_s=_MINED_WITHIN_S, what="the transaction is mined")
    assert int(receipt["status"], 16) == 1
    return receipt


def _word(address: bytes) -> bytes:
    """Return an address as one ABI word."""
    return address.rjust(32, b"\0")
