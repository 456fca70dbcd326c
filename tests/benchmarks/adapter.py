"""The real `cashback adapter` with its database (fsync on), and the mint worker's way of speaking to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from cashback.chain.model import Waiting
from cashback.kernel.clock import SystemClock
from cashback.kernel.money import TokenUnits
from cashback.minting.gateway import Adapter
from cashback.minting.model import Mint, MintState, SubmitResult
from cashback.processes import migrate
from cashback.processes.embedded import HOST, CashbackProcess, EmbeddedNats, EmbeddedPostgres
from cashback.processes.stack import Plan, Ports
from tests.benchmarks.chain import Chain


class Serving(msgspec.Struct, frozen=True):
    """A running adapter: its process, how the mint worker reaches it, and the superuser's DSN of its database."""

    process: CashbackProcess
    adapter: Adapter
    dsn: str

    async def submit(self, mints: Sequence[Waiting]) -> None:
        """Hand over at most 500 mints.

        Raises:
            RuntimeError: the adapter did not accept every one.
            AdapterUnavailable: it did not answer; safe to call again.
        """
        verdicts = await self.adapter.submit([_mint(mint) for mint in mints])
        if [verdict.result for verdict in verdicts] != [SubmitResult.ACCEPTED] * len(mints):
            raise RuntimeError("the adapter did not accept every mint")

    async def rows(self, question: str) -> list[tuple[Any, ...]]:
        """Return the rows of a question to the adapter's records."""
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            return await (await connection.execute(question.encode())).fetchall()


class Home(msgspec.Struct, frozen=True):
    """A migrated database for an adapter, and the settings of an adapter there by their names in the environment."""

    settings: dict[str, str]
    ready_port: int
    port: int
    dsn: str


@asynccontextmanager
async def at_home(folder: Path, chain: Chain) -> AsyncIterator[Home]:
    """Yield a home for an adapter on `chain`; the database ends with the block."""
    postgres, plan = EmbeddedPostgres(folder / "postgres"), Plan(Ports.free())
    try:
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(migrate.migrate, plan.migration(postgres), ("chain",))
        nats = EmbeddedNats(folder / "nats")
        settings = plan.settings("adapter", postgres=postgres, nats=nats, chain=chain.settings)
        yield Home(settings, plan.ports.ready("adapter"), plan.ports.adapter, postgres.dsn("chain"))
    finally:
        await asyncio.to_thread(postgres.stop)


@asynccontextmanager
async def serving(folder: Path, chain: Chain) -> AsyncIterator[Serving]:
    """Yield an adapter on `chain`; it and its database end with the block."""
    async with at_home(folder, chain) as home:
        log = folder / "adapter.log"
        process = CashbackProcess("adapter", log=log, port=home.ready_port, settings=home.settings)
        await asyncio.to_thread(process.start)
        try:
            async with Adapter.connect(HOST, home.port) as adapter:
                yield Serving(process, adapter, home.dsn)
        finally:
            await asyncio.to_thread(process.stop)


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
