"""A chain with our contracts, the adapter on it without its server, and levers on the node."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final, TypeVar

import msgspec

from cashback.chain.gateway.decoding import MINTED
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Mint, MintView, Outcome
from cashback.chain.store import blocks
from cashback.chain.store import lanes as store_lanes
from cashback.chain.store import mints as store_mints
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.processes import contracts
from cashback.processes.adapter import Adapter, Settings, opened
from tests.integration.chain.levers import Lever, People
from tests.integration.chain.waiting import eventually

MNEMONIC: Final = "test test test test test test test test test test test junk"
CHAIN_ID: Final = 31_337
ENDS_WITHIN_S: Final = 20.0
"""A loop that was told to stop ends after 1.5 s at the latest; one that does not hear it would run for ever."""

T = TypeVar("T")

_recipients = count(0x1000)


def mint(number: int, *, amount: int = 1_000_000, recipient: bytes | None = None, cashback_id: str = "") -> Mint:
    """Return a mint to a wallet that nobody else uses, unless `recipient` says whom."""
    to = recipient or next(_recipients).to_bytes(20)
    return Mint(number, cashback_id or f"cb_{number}", Address(to), amount)


class Bench(msgspec.Struct, frozen=True):
    """One adapter running on one chain and one database."""

    adapter: Adapter
    database: Database
    lever: Lever
    people: People
    settings: Settings

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

    async def ripe(self) -> None:
        """Return once the oldest waiting mint is old enough for a batch of its own."""

        async def look() -> bool | None:
            async with self.database.transaction() as tx:
                _, oldest_ms = await store_mints.waiting(tx, 1)
            return True if oldest_ms >= self.settings.batch_age_ms else None

        await eventually(look)

    async def attempts(self) -> list[tuple[int, int, str | None, bool]]:
        """Return every attempt: nonce, sends, answer, and whether a block carries it."""
        rows = await self.rows(
            "select nonce, sends, answer, block_number is not null from chain.blockchain_transactions order by place"
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    async def sent(self) -> None:
        """Return once a node has taken every stored attempt."""

        async def look() -> bool | None:
            left = await self.rows(
                "select from chain.blockchain_transactions where answer is distinct from 'accepted' limit 1"
            )
            return None if left else True

        await eventually(look)

    async def answered(self, answer: str) -> None:
        """Return once a node has said this to an attempt."""

        async def look() -> bool | None:
            found = await self.rows("select answer from chain.blockchain_transactions")
            return True if (answer,) in found else None

        await eventually(look)

    async def replaced(self, *, many: int = 2) -> None:
        """Return once so many attempts, replacements all but the first, were sent to a node."""

        async def look() -> bool | None:
            found = await self.rows("select from chain.blockchain_transactions where sends > 0")
            return True if len(found) >= many else None

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

    async def halted(self, *, mining: bool = False) -> str:
        """Return why minting is halted, once it is; with `mining`, blocks are made meanwhile."""

        async def look() -> str | None:
            if mining:
                await self.lever.mine()
            return (await self.adapter.reading.status()).network.halted_reason

        return await eventually(look)


@asynccontextmanager
async def running(*runs: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """Run loops while the block lasts, then stop them and see that each ends, and well."""
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(run(stop)) for run in runs]
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(ENDS_WITHIN_S):
            await asyncio.gather(*tasks)


@asynccontextmanager
async def assembled(settings: Settings) -> AsyncIterator[Bench]:
    """Give an adapter whose loops do not run."""
    async with (
        opened(settings) as (parts, database),
        Node.open(settings.rpc_urls[-1:], chain_id=CHAIN_ID, timeout_s=10) as node,
    ):
        lever = Lever(node)
        yield Bench(parts, database, lever, People(lever, settings.minter_address), settings)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Bench]:
    """Give an adapter that runs."""
    async with assembled(settings) as bench, running(*loops(bench)):
        yield bench


def loops(bench: Bench) -> list[Callable[[asyncio.Event], Awaitable[None]]]:
    """Return the loops of an adapter: its lanes, its follower, and who listens for heads."""
    lanes, hints = [lane.run for lane in bench.adapter.lanes], [one.run for one in bench.adapter.hints]
    return [*lanes, bench.adapter.follower.run, *hints]


async def deployed(url: str) -> contracts.Deployed:
    """Deploy fresh contracts on a development chain."""
    return await contracts.deploy(
        contracts.Settings(rpc_urls=(url,), chain_id=CHAIN_ID, key_mnemonic=Secret(MNEMONIC), admin_delay_s=0)
    )


def settings_of(dsn: str, url: str, where: contracts.Deployed, **changes: Any) -> Settings:  # noqa: ANN401 - any setting
    """Return settings that are quick, with `changes`."""
    settings = Settings(
        chain_dsn=Secret(dsn),
        rpc_urls=(url,),
        chain_id=CHAIN_ID,
        token_address=where.token,
        minter_address=where.minter,
        probe_port=1,
        key_mnemonic=Secret(MNEMONIC),
        poll_ms=20,
        batch_age_ms=20,
        rpc_timeout_ms=10_000,  # a slow machine is no silent endpoint; tests about silence are less patient
    )
    return msgspec.structs.replace(settings, **changes)
