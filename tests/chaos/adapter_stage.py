"""The adapter as a process that ends itself where it is told, with a chain and a database that outlive it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from types import MappingProxyType
from typing import Any, Final

import msgspec
import psycopg

from cashback.chain.gateway.node import Node
from cashback.chain.model import Anchor, Mint, Person
from cashback.chain.service.acceptance import Acceptance
from cashback.chain.service.anchoring import Anchors
from cashback.chain.service.cancelling import Cancellations
from cashback.chain.service.pulse import Pulse
from cashback.kernel.db import Database
from cashback.processes import adapter
from cashback.processes.embedded import CashbackProcess, ChildFailed, free_port
from tests.integration.chain.levers import Lever, People
from tests.integration.chain.support import CHAIN_ID, MNEMONIC
from tests.support.chain import ChainReader
from tests.support.facts import eventually
from tests.support.stopped import stands_still

DIES_WITHIN_S: Final = 45.0
SETTLES_WITHIN_S: Final = 60.0
MINTS_PER_CALL: Final = 2
HASTY: Final = {"CASHBACK_BUMP_MS": "300"}
"""An attempt that no block carries is replaced soon, and a stranger's transaction is not waited for long."""
_LOOK_EVERY_S: Final = 0.03

Weather = Callable[["Stage"], Awaitable[None]]
"""What happens on the chain at each look, while the process is waited for."""

_OPEN = """
select (select count(*) from chain.mints where state not in ('final', 'refused'))
     + (select count(*) from chain.slots where state <> 'final')
     + (select count(*) from chain.anchors where state not in ('final', 'superseded'))
"""

_LEFT = (
    "select number, state, nonce from chain.mints where state not in ('final', 'refused')",
    "select lane, nonce, state, block_number, revert_reason from chain.slots where state <> 'final'",
    "select halted_reason, final_block from chain.network",
)


class Stage:
    """One chain, one database, and whichever adapter process lives on them at the moment."""

    def __init__(
        self, settings: adapter.Settings, *, witness: psycopg.Connection, lever: Lever, reader: ChainReader, log: Path
    ) -> None:
        """Look at the database by `witness`, at the chain by `reader`, and move it by `lever`; nothing runs yet."""
        self.settings = settings
        self.lever = lever
        self.people = People(lever, settings.minter_address)
        self.reader = reader
        self.wanted: dict[int, Mint] = {}
        self.foreign: set[str] = set()
        self.happened: set[str] = set()
        self._witness = witness
        self.log = log

    async def add_lane(self) -> None:
        """Let a second key mint, and give it to every process from now on."""
        self.settings = msgspec.structs.replace(self.settings, key_count=2)
        await self.lever.automine(is_on=True)
        await self.people.employ(self.settings.signers()[1].address)
        await self.lever.automine(is_on=False)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what the superuser reads in the adapter's database."""
        return self._witness.execute(query.encode(), parameters).fetchall()

    async def accept(self, mints: Sequence[Mint]) -> None:
        """Have an earlier process accept mints, as any process of the adapter does."""
        self.wanted |= {mint.number: mint for mint in mints}
        async with Database.open(self.settings.chain_dsn.value, name="earlier adapter") as database:
            await Acceptance(database, reserved=frozenset(), accepted=Pulse()).submit(mints)

    async def cancel(self, cancelled: Mint) -> None:
        """Have a person cancel an accepted mint, which is to be minted no more."""
        del self.wanted[cancelled.number]
        async with Database.open(self.settings.chain_dsn.value, name="earlier adapter") as database:
            orders = Cancellations(database, ordered=Pulse())
            await orders.cancel([cancelled], by=Person("alice"), because="a drill")

    async def anchor(self, root: bytes, up_to: int) -> None:
        """Have an earlier process accept an anchor."""
        async with Database.open(self.settings.chain_dsn.value, name="earlier adapter") as database:
            await Anchors(database, accepted=Pulse()).anchor(Anchor(root, up_to))

    async def dies_at(
        self, trap: str, weather: Weather, changes: Mapping[str, str] = MappingProxyType({}), *, waits: bool = False
    ) -> None:
        """Run the adapter until it has ended itself at `trap`; all that it has sent was stored before (I3).

        Its leases run out as if their time had passed, unless whoever comes next is to wait for that.

        Raises:
            AssertionError, ChildFailed: it has not: it could not start, never got there, or ended otherwise.
        """
        process = self.process({"CASHBACK_DEVELOPMENT": "true", "CASHBACK_FAILPOINTS": trap, **changes})
        try:
            await ended_by_itself(process, trap, meanwhile=lambda: weather(self))
        finally:
            await asyncio.to_thread(process.kill)
        await self.assert_written_ahead()
        if not waits:
            self._witness.execute("update chain.leases set expires_at = clock_timestamp()")

    @asynccontextmanager
    async def living(self, changes: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[CashbackProcess]:
        """Run an adapter that nobody hurts, while the block lasts; it ends well."""
        process = self.process(changes)
        await asyncio.to_thread(process.start)
        try:
            yield process
        finally:
            await asyncio.to_thread(process.stop)
        assert process.exit_code == 0

    @asynccontextmanager
    async def starting(self) -> AsyncIterator[None]:
        """Run an adapter that may never be ready, as one is not that halts, while the block lasts."""
        process = self.process({})
        started = asyncio.create_task(asyncio.to_thread(process.start))
        try:
            yield
        finally:
            process.abandon()
            # Whether it was ready before it halted is for the machine to say.
            await asyncio.gather(started, return_exceptions=True)
            await asyncio.to_thread(process.kill)

    @asynccontextmanager
    async def standing_still_at(
        self, trap: str, mints: Sequence[Mint], changes: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[CashbackProcess]:
        """Run an adapter that stops itself at `trap` when it is given mints, while the block lasts; resume it there."""
        log = self.log.with_name("zombie.log")
        process = self.process({"CASHBACK_DEVELOPMENT": "true", "CASHBACK_FAILPOINTS": trap, **changes}, log=log)
        # Only a process that is ready can be told from one that stands still at its start.
        await asyncio.to_thread(process.start)
        try:
            await self.accept(mints)

            async def look() -> bool | None:
                is_there = "failpoint.reached" in await asyncio.to_thread(log.read_text)
                return True if is_there and await asyncio.to_thread(stands_still, process.pid) else None

            await eventually(look, within_s=DIES_WITHIN_S, what=f"it stands still at {trap}")
            await self.assert_written_ahead()
            yield process
        finally:
            process.resume()
            await asyncio.to_thread(process.stop)
        assert process.exit_code == 0

    async def settles(self) -> None:
        """Make blocks until every mint has its outcome and every nonce is final."""

        async def look() -> bool | None:
            await self.lever.mine()
            return True if self.rows(_OPEN) == [(0,)] else None

        try:
            await eventually(look, within_s=SETTLES_WITHIN_S, what="nothing is left to do", every_s=_LOOK_EVERY_S)
        except AssertionError as cause:
            raise AssertionError(f"{cause}; left are {[self.rows(query) for query in _LEFT]}") from cause

    async def assert_written_ahead(self) -> None:
        """Assert that each transaction of ours that the node has, in a block or in its pool, is stored (I3)."""
        stored = {f"0x{row[0].hex()}" for row in self.rows("select hash from chain.blockchain_transactions")}
        pools = (await self.lever.call("txpool_content")).values()
        pending = {
            one["hash"]
            for pool in pools
            for sender, held in pool.items()
            if self.is_ours(sender)
            for one in held.values()
        }
        unstored = {*pending, *(hash_ for _, _, hash_ in await self.mined())} - self.foreign - stored
        assert not unstored, f"I3: sent and not stored: {unstored}"

    async def mined(self) -> list[tuple[str, int, str]]:
        """Return every transaction of our signers in a block, in order: signer, nonce and hash."""
        head = await self.lever.head()
        blocks = [await self.reader.call("eth_getBlockByNumber", hex(number), True) for number in range(head + 1)]
        return [
            (one["from"], int(one["nonce"], 16), one["hash"])
            for block in blocks
            for one in block["transactions"]
            if self.is_ours(one["from"])
        ]

    def is_ours(self, address: str) -> bool:
        """Tell whether the adapter signs as this address."""
        return address.lower() in self.signers

    @property
    def signers(self) -> list[str]:
        """Return the addresses that the adapter signs as."""
        return [f"0x{signer.address.hex()}" for signer in self.settings.signers()]

    def process(self, changes: Mapping[str, str], *, log: Path | None = None) -> CashbackProcess:
        """Return an adapter on this chain and this database, with further variables; it does not run yet.

        Each that runs beside another one wants a log of its own.
        """
        settings, probe = self.settings, free_port()
        return CashbackProcess(
            "adapter",
            log=log or self.log,
            port=probe,
            settings={
                "CASHBACK_CHAIN_DSN": settings.chain_dsn.value,
                "CASHBACK_RPC_URLS": settings.rpc_urls[0],
                "CASHBACK_CHAIN_ID": str(settings.chain_id),
                "CASHBACK_TOKEN_ADDRESS": settings.token_address,
                "CASHBACK_MINTER_ADDRESS": settings.minter_address,
                "CASHBACK_KEY_MNEMONIC": MNEMONIC,
                "CASHBACK_KEY_COUNT": str(settings.key_count),
                "CASHBACK_ADAPTER_PORT": str(free_port()),
                "CASHBACK_PROBE_PORT": str(probe),
                "CASHBACK_BATCH_MINTS": str(MINTS_PER_CALL),
                "CASHBACK_BATCH_AGE_MS": "20",
                "CASHBACK_POLL_MS": "20",
                "CASHBACK_RESEND_MS": "300",
                "CASHBACK_SLOTS_IN_FLIGHT": "1" if settings.key_count > 1 else "16",
                **changes,
            },
        )


async def ended_by_itself(
    process: CashbackProcess, trap: str, *, meanwhile: Callable[[], Awaitable[None]], within_s: float = DIES_WITHIN_S
) -> None:
    """Start an armed process, and return once it has ended itself at `trap`; `meanwhile` is done at each look.

    Raises:
        AssertionError: it has not: the point was never reached, or it ended otherwise.
        ChildFailed: it could not be started, or ended otherwise before it was ready.
    """
    before = await asyncio.to_thread(_said, process, trap)
    try:
        await asyncio.to_thread(process.start)
    except ChildFailed as failure:
        if f"ended with -{SIGKILL:d} at its start" not in failure.detail:
            raise
    else:

        async def look() -> bool | None:
            if not process.is_running:
                return True
            await meanwhile()
            return None

        await eventually(look, within_s=within_s, what=f"it has ended at {trap}", every_s=_LOOK_EVERY_S)
        # Nobody is left to be stopped: this takes its exit code.
        await asyncio.to_thread(process.stop)
        assert process.exit_code == -SIGKILL, f"{trap}: it ended with {process.exit_code}"
    assert await asyncio.to_thread(_said, process, trap) == before + 1, f"{trap}: it ended by a signal, but not there"


def _said(process: CashbackProcess, trap: str) -> int:
    """Return how often a process has logged that it reached its trap."""
    point = trap.partition("=")[0]
    text = process.log.read_text() if process.log.exists() else ""
    return sum("failpoint.reached" in line and f'"{point}"' in line for line in text.splitlines())


@asynccontextmanager
async def staged(settings: adapter.Settings, superuser_dsn: str, folder: Path) -> AsyncIterator[Stage]:
    """Give a stage on the chain and the database of the settings, where no block is made by itself."""
    [url] = settings.rpc_urls
    with psycopg.connect(superuser_dsn, autocommit=True) as witness:
        async with (
            Node.open([url], chain_id=CHAIN_ID, timeout_s=10) as node,
            ChainReader.open(url, settings.token_address) as reader,
        ):
            lever = Lever(node)
            await lever.automine(is_on=False)
            yield Stage(settings, witness=witness, lever=lever, reader=reader, log=folder / "adapter.log")


async def calm(_: Stage) -> None:
    """Let nothing happen: no block is made."""


async def mining(stage: Stage) -> None:
    """Make a block."""
    await stage.lever.mine()
