"""A chain with our contracts, the adapter on it without its server, and levers on the node."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, Final, TypeVar

import msgspec
from eth_utils.crypto import keccak

from cashback.chain.gateway.blocks import MINTED
from cashback.chain.gateway.contracts import OPERATOR_ROLE
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Mint, MintView, Outcome, Waiting
from cashback.chain.rules.packing import Limits, pack
from cashback.chain.store import blocks
from cashback.chain.store import lanes as store_lanes
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.processes import adapter, contracts

MNEMONIC: Final = "test test test test test test test test test test test junk"
CHAIN_ID: Final = 31_337
WITHIN_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.02

T = TypeVar("T")

ACCOUNTS: Final = (
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
)
"""The mnemonic's first accounts: deployer and admin, operator, guardian, and one who is nobody yet."""

_ONE_CALL: Final = Limits(calls=1, mints=256, gas=16_000_000, amount=2**63)

_recipients = count(0x1000)


def _call(signature: str, *words: bytes) -> bytes:
    """Return the calldata of a function of static arguments."""
    return bytes(keccak(text=signature))[:4] + b"".join(words)


def _padded(address: str) -> bytes:
    """Return an address as one ABI word."""
    return bytes(12) + adapter.address(address)


def mint(number: int, *, amount: int = 1_000_000, recipient: bytes | None = None, cashback_id: str = "") -> Mint:
    """Return a mint to a wallet that nobody else uses, unless `recipient` says whom."""
    to = recipient or next(_recipients).to_bytes(20)
    return Mint(number, cashback_id or f"cb_{number}", Address(to), amount)


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

    async def head(self) -> int:
        """Return the newest block's number."""
        return int(await self.call("eth_blockNumber"), 16)


class Bench(msgspec.Struct, frozen=True):
    """One adapter running on one chain and one database."""

    adapter: adapter.Adapter
    database: Database
    lever: Lever
    settings: adapter.Settings

    async def submit(self, *mints: Mint) -> None:
        """Submit mints, in one call."""
        await self.adapter.acceptance.submit(mints)

    async def views(self, numbers: Sequence[int]) -> list[MintView]:
        """Return how far mints have come."""
        return await self.adapter.reading.mints(numbers)

    async def reached(self, numbers: Sequence[int], *states: str) -> list[MintView]:
        """Return the views once every mint is in one of `states`."""

        async def look() -> list[MintView] | None:
            views = await self.views(numbers)
            return views if all(view.state in states for view in views) else None

        return await eventually(look)

    async def settled(self, numbers: Sequence[int]) -> list[Outcome]:
        """Mine until every number has its outcome, and return the whole stream."""
        epoch = await self.adapter.stream.epoch()

        async def look() -> list[Outcome] | None:
            found = await self.adapter.stream.read(epoch=epoch, after=0)
            if {outcome.mint.number for outcome in found} >= set(numbers):
                return found
            await self.lever.mine()
            return None

        return await eventually(look)

    async def followed(self) -> None:
        """Return once the follower has reached the head."""
        head = await self.lever.head()

        async def look() -> bool | None:
            async with self.database.transaction() as tx:
                tip = await blocks.tip(tx)
            return True if tip is not None and tip.number >= head else None

        await eventually(look)

    async def waits_for(self, reason: str) -> None:
        """Return once the lane waits for `reason`."""

        async def look() -> bool | None:
            async with self.database.transaction() as tx:
                lanes = await store_lanes.lanes(tx)
            return True if lanes and lanes[0].waits_for == reason else None

        await eventually(look)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query over the adapter's tables gives."""
        async with self.database.transaction() as tx:
            return await (await tx.execute(query)).fetchall()

    async def sent(self) -> None:
        """Return once a node has taken every stored attempt."""

        async def look() -> bool | None:
            left = await self.rows(
                "select from chain.blockchain_transactions where answer is distinct from 'accepted' limit 1"
            )
            return None if left else True

        await eventually(look)

    async def replaced(self) -> None:
        """Return once a replacement was taken by a node."""

        async def look() -> bool | None:
            found = await self.rows("select from chain.blockchain_transactions where sends > 0")
            return True if len(found) > 1 else None

        await eventually(look)

    async def revert_reason(self) -> str:
        """Return why a call reverted, once one has."""

        async def look() -> str | None:
            found = await self.rows("select revert_reason from chain.slots where revert_reason is not null")
            return str(found[0][0]) if found else None

        return await eventually(look)

    async def logs_of(self, number: int) -> int:
        """Return how many mint logs of a number the chain holds."""
        wanted = {
            "address": self.settings.token_address,
            "topics": [f"0x{MINTED.hex()}", f"0x{number:064x}"],
            "fromBlock": "0x0",
        }
        return len(await self.lever.call("eth_getLogs", wanted))

    async def mint_elsewhere(self, asked: Mint) -> None:
        """Mint through the same contracts with another operator's key, past the adapter."""
        await self._as_admin(_call("grantRole(bytes32,address)", OPERATOR_ROLE, _padded(ACCOUNTS[3])))
        [call] = pack([Waiting(asked.number, asked.recipient, asked.amount)], _ONE_CALL)
        await self._send(ACCOUNTS[3], call.calldata)

    async def retire_elsewhere(self, number: int) -> None:
        """Retire a number with another operator's key, past the adapter."""
        await self._as_admin(_call("grantRole(bytes32,address)", OPERATOR_ROLE, _padded(ACCOUNTS[3])))
        await self._send(ACCOUNTS[3], _call("retire(uint64)", number.to_bytes(32)))

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

    async def _as_admin(self, calldata: bytes) -> None:
        """Call the minter as its admin."""
        await self._send(ACCOUNTS[0], calldata)

    async def _send(self, sender: str, calldata: bytes, *, is_first: bool = False) -> None:
        """Send a call of the minter from one of the development node's own accounts."""
        tip = 10**11 if is_first else 10**9
        await self.lever.call(
            "eth_sendTransaction",
            {
                "from": sender,
                "to": self.settings.minter_address,
                "data": f"0x{calldata.hex()}",
                "gas": hex(500_000),
                "maxPriorityFeePerGas": hex(tip),
                "maxFeePerGas": hex(tip + 10**11),
            },
        )

    async def halted(self) -> str:
        """Return why minting is halted, once it is."""

        async def look() -> str | None:
            return (await self.adapter.reading.status()).network.halted_reason

        return await eventually(look)


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Return what `look` finds as soon as it finds something; fail after `WITHIN_S`."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await look()
            if found is not None:
                return found
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await asyncio.Event().wait()


@asynccontextmanager
async def running(*runs: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """Run loops while the block lasts, then stop them and see that each ends well within two seconds."""
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(run(stop)) for run in runs]
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(2):
            await asyncio.gather(*tasks)


@asynccontextmanager
async def assembled(settings: adapter.Settings) -> AsyncIterator[Bench]:
    """Give an adapter whose loops do not run."""
    async with (
        adapter.opened(settings) as (parts, database),
        Node.open(settings.rpc_urls[-1:], chain_id=CHAIN_ID, timeout_s=10) as node,
    ):
        yield Bench(parts, database, Lever(node), settings)


@asynccontextmanager
async def serving(settings: adapter.Settings) -> AsyncIterator[Bench]:
    """Give an adapter that runs."""
    async with assembled(settings) as bench, running(bench.adapter.lane.run, bench.adapter.follower.run):
        yield bench


async def deployed(url: str) -> contracts.Deployed:
    """Deploy fresh contracts on a development chain."""
    return await contracts.deploy(
        contracts.Settings(rpc_urls=(url,), chain_id=CHAIN_ID, key_mnemonic=Secret(MNEMONIC), admin_delay_s=0)
    )


def settings_of(dsn: str, url: str, where: contracts.Deployed, **changes: Any) -> adapter.Settings:  # noqa: ANN401 - any setting
    """Return settings that are quick, with `changes`."""
    settings = adapter.Settings(
        chain_dsn=Secret(dsn),
        rpc_urls=(url,),
        chain_id=CHAIN_ID,
        token_address=where.token,
        minter_address=where.minter,
        probe_port=1,
        key_mnemonic=Secret(MNEMONIC),
        poll_ms=20,
        batch_age_ms=20,
        rpc_timeout_ms=1_000,
    )
    return msgspec.structs.replace(settings, **changes)
