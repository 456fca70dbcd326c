"""`mint`: how many mints a second go through the adapter onto a chain with 1 s blocks.

Method. The real `cashback adapter` with its database (fsync on) and anvil; mints to fresh wallets are submitted over
gRPC in batches of 500 as fast as it accepts them, as the mint worker does, and the stream of outcomes is read until
every one is final. The rate runs from the first submission to the moment the adapter saw the last mint in a block.
Two chains: one with blocks of 60M gas, which is the limit there (about 2,100 fresh mints a block), and one whose blocks
have room for everything, where the adapter and the node are. Every log and the supply are compared at the end.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from cashback.chain.model import Waiting
from cashback.kernel.clock import SystemClock
from cashback.kernel.money import TokenUnits
from cashback.minting.gateway import Adapter
from cashback.minting.model import Cursor, Mint, MintState, SubmitResult
from cashback.processes import migrate
from cashback.processes.embedded import HOST, CashbackProcess, EmbeddedNats, EmbeddedPostgres
from cashback.processes.stack import Plan, Ports
from tests.benchmarks.chain import Chain, mints, open_chain
from tests.benchmarks.checks import Check, exactly, reported

MINTS: Final = 10_000
SUBMITTED_AT_ONCE: Final = 500
CHAINS: Final = {"60M gas": 60_000_000, "room for all": 1_000_000_000}
_WITHIN_S: Final = 120.0


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    figures: list[Check] = []
    astray = unminted = 0
    for name, gas_limit in CHAINS.items():
        place = folder / str(gas_limit)
        async with open_chain(place, gas_limit=gas_limit) as chain, _adapter(place, chain) as (adapter, dsn):
            asked = mints(range(1, MINTS + 1), count())
            await _submit(adapter, asked)
            unminted += MINTS - await _minted(adapter)
            figures += await _figures(name, dsn)
            astray += await chain.astray({mint.number: mint for mint in asked})
    return [
        *figures,
        exactly("mints without a final outcome", unminted, "mints", expected=0),
        exactly("mint logs lost, doubled or wrong", astray, "logs", expected=0),
    ]


@asynccontextmanager
async def _adapter(folder: Path, chain: Chain) -> AsyncIterator[tuple[Adapter, str]]:
    """Yield the running adapter as the mint worker sees it, and the superuser's DSN of its database."""
    postgres, plan = EmbeddedPostgres(folder / "postgres"), Plan(Ports.free())
    try:
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(migrate.migrate, plan.migration(postgres), ("chain",))
        settings = plan.settings("adapter", postgres=postgres, nats=EmbeddedNats(folder / "nats"), chain=chain.settings)
        port = plan.ports.ready("adapter")
        process = CashbackProcess("adapter", log=folder / "adapter.log", port=port, settings=settings)
        await asyncio.to_thread(process.start)
        try:
            async with Adapter.connect(HOST, plan.ports.adapter) as adapter:
                yield adapter, postgres.dsn("chain")
        finally:
            await asyncio.to_thread(process.stop)
    finally:
        await asyncio.to_thread(postgres.stop)


async def _submit(adapter: Adapter, asked: list[Waiting]) -> None:
    """Submit everything in batches.

    Raises:
        RuntimeError: the adapter did not accept every mint.
    """
    for start in range(0, len(asked), SUBMITTED_AT_ONCE):
        batch = [_mint(mint) for mint in asked[start : start + SUBMITTED_AT_ONCE]]
        verdicts = await adapter.submit(batch)
        if [verdict.result for verdict in verdicts] != [SubmitResult.ACCEPTED] * len(batch):
            raise RuntimeError("the adapter did not accept every mint")


async def _minted(adapter: Adapter) -> int:
    """Return how many different numbers are final, once that are all or the patience ends."""
    numbers: set[int] = set()
    stream = adapter.watch(Cursor("", 0))
    try:
        async with asyncio.timeout(_WITHIN_S):
            async for batch in stream:
                numbers |= {outcome.number for outcome in batch.outcomes if outcome.inclusion is not None}
                if len(numbers) >= MINTS:
                    break
    except TimeoutError:
        pass
    finally:
        await stream.aclose()
    return len(numbers)


async def _figures(name: str, dsn: str) -> list[Check]:
    """Return what the adapter's own records say of the rate."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            """
            select extract(epoch from max(accepted_at) - min(accepted_at))::float8,
                   extract(epoch from max(included_at) - min(accepted_at))::float8,
                   (select count(*) from chain.slots),
                   (select count(*) from chain.blockchain_transactions)
            from chain.mints
            """
        )
        accepted_s, included_s, slots, attempts = await cursor.fetchone() or (1.0, 1.0, 0, 0)
    return [
        reported(f"{name}: mints into blocks", MINTS / included_s, "mints/s"),
        reported(f"{name}: mints accepted over gRPC", MINTS / accepted_s, "mints/s"),
        reported(f"{name}: mints per transaction", MINTS / max(slots, 1), "mints"),
        reported(f"{name}: attempts per transaction", attempts / max(slots, 1), "attempts"),
    ]


def _mint(waiting: Waiting) -> Mint:
    """Return a mint as the mint worker hands it over."""
    return Mint(
        number=waiting.number,
        cashback_id=f"cb_{waiting.number:026d}",
        recipient=waiting.recipient,
        amount=TokenUnits(waiting.amount),
        fingerprint=b"",
        state=MintState.REQUESTED,
        submit_attempts=0,
        requested_at=SystemClock().now(),
    )
