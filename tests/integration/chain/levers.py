"""Levers on the development node and on the contracts, past the adapter."""

from typing import Any, Final

from eth_utils.crypto import keccak

from cashback.chain.gateway.contracts import MINTER_ROLE, OPERATOR_ROLE
from cashback.chain.gateway.node import Node
from cashback.chain.model import Mint, Waiting
from cashback.chain.rules.packing import Limits, pack
from cashback.processes import signing
from tests.integration.chain.waiting import eventually

ACCOUNTS: Final = (
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
)
"""The mnemonic's first accounts: deployer and admin, operator, guardian, and one who is nobody yet."""

_ONE_CALL: Final = Limits(calls=1, mints=256, gas=16_000_000, amount=2**63)


class Lever:
    """Moves the development node: its own methods, past our gateway's questions."""

    def __init__(self, node: Node) -> None:
        """Move this node."""
        self._node = node

    async def call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - parsed JSON
        """Return the result of one JSON-RPC call."""
        [result] = await self._node.ask([(method, list(parameters))])
        return result

    async def mine(self, blocks: int = 1) -> None:
        """Mine so many blocks now."""
        await self.call("anvil_mine", hex(blocks))

    async def automine(self, *, is_on: bool) -> None:
        """Mine each transaction at once, or none until told."""
        await self.call("evm_setAutomine", is_on)

    async def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by empty ones; what they carried is dropped, also from the pool."""
        await self.call("anvil_reorg", depth, [])

    async def mined(self, transaction: str) -> None:
        """Return once a block carries a transaction."""

        async def look() -> bool | None:
            return None if await self.call("eth_getTransactionReceipt", transaction) is None else True

        await eventually(look)

    async def head(self) -> int:
        """Return the newest block's number."""
        return int(await self.call("eth_blockNumber"), 16)


class People:
    """The admin, the guardian and a stranger with a role: who else acts on the minter."""

    def __init__(self, lever: Lever, minter: str) -> None:
        """Act through the node's own accounts on the minter at this address."""
        self._lever = lever
        self._minter = minter

    async def mint_elsewhere(self, asked: Mint) -> None:
        """Mint through the same contracts with another operator's key, past the adapter."""
        await self._as_admin(_call("grantRole(bytes32,address)", OPERATOR_ROLE, _padded(ACCOUNTS[3])))
        [call] = pack([Waiting(asked.number, asked.recipient, asked.amount)], _ONE_CALL)
        await self._send(ACCOUNTS[3], call.calldata)

    async def retire_elsewhere(self, number: int) -> None:
        """Retire a number with another operator's key, past the adapter."""
        await self._as_admin(_call("grantRole(bytes32,address)", OPERATOR_ROLE, _padded(ACCOUNTS[3])))
        await self._send(ACCOUNTS[3], _call("retire(uint64)", number.to_bytes(32)))

    async def anchor_elsewhere(self, root: bytes, up_to: int) -> None:
        """Anchor with another operator's key, past the adapter."""
        await self._as_admin(_call("grantRole(bytes32,address)", OPERATOR_ROLE, _padded(ACCOUNTS[3])))
        await self._send(ACCOUNTS[3], _call("anchor(bytes32,uint64)", root, up_to.to_bytes(32)))

    async def employ(self, address: bytes) -> None:
        """Let another key mint through the minter, and give it gas money."""
        await self._as_admin(_call("grantRole(bytes32,address)", OPERATOR_ROLE, address.rjust(32, b"\0")))
        await self._lever.call("anvil_setBalance", f"0x{address.hex()}", hex(10**21))

    async def pause(self) -> None:
        """Pause the minter with the guardian's key, and at a price that goes before everybody else."""
        await self._send(ACCOUNTS[2], _call("pause()"), is_first=True)

    async def unpause(self) -> None:
        """Lift the pause."""
        await self._as_admin(_call("unpause()"))

    async def limit(self, *, capacity: int, window_s: int) -> None:
        """Set the minter's limit."""
        await self._as_admin(_call("setLimit(uint208,uint48)", capacity.to_bytes(32), window_s.to_bytes(32)))

    async def revoke_operator(self) -> None:
        """Take the signer's role away."""
        await self._as_admin(_call("revokeRole(bytes32,address)", OPERATOR_ROLE, _padded(ACCOUNTS[1])))

    async def revoke_minter(self, token: str) -> None:
        """Take the minter's role on the token away, as the token's admin."""
        calldata = _call("revokeRole(bytes32,address)", MINTER_ROLE, _padded(self._minter))
        await self._send(ACCOUNTS[0], calldata, to=token)

    async def burn(self, token: str, amount: int) -> None:
        """Burn tokens of the stranger's own."""
        await self._send(ACCOUNTS[3], _call("burn(uint256)", amount.to_bytes(32)), to=token)

    async def _as_admin(self, calldata: bytes) -> None:
        """Call the minter as its admin."""
        await self._send(ACCOUNTS[0], calldata)

    async def _send(self, sender: str, calldata: bytes, *, is_first: bool = False, to: str = "") -> None:
        """Send a call, of the minter unless `to` says of whom, from one of the development node's own accounts.

        Where the node mines at once it still does so after its answer: return when a block carries the call.
        """
        tip = 10**11 if is_first else 10**9
        sent = await self._lever.call(
            "eth_sendTransaction",
            {
                "from": sender,
                "to": to or self._minter,
                "data": f"0x{calldata.hex()}",
                "gas": hex(500_000),
                "maxPriorityFeePerGas": hex(tip),
                "maxFeePerGas": hex(tip + 10**11),
            },
        )
        if await self._lever.call("anvil_getAutomine"):
            await self._lever.mined(sent)


def _call(signature: str, *words: bytes) -> bytes:
    """Return the calldata of a function of static arguments."""
    return bytes(keccak(text=signature))[:4] + b"".join(words)


def _padded(address: str) -> bytes:
    """Return an address as one ABI word."""
    return bytes(12) + signing.address(address)
