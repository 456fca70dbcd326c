"""A small history on real databases and a real chain, told once; each test gets a copy of it to spoil.

Three purchases went all the way to final mints; two more were requested, and minting never hands them over.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from typing import Any, Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.server import AdapterServer
from cashback.events.minting import TokenMinted
from cashback.kernel.clock import ManualClock
from cashback.kernel.config import load
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.minting import Cursor, Follower, Requests, Submitter
from cashback.minting.consumer import to_request
from cashback.minting.gateway import Adapter
from cashback.processes import contracts, migrate
from cashback.processes.embedded import HOST, EmbeddedAnvil, EmbeddedPostgres
from cashback.processes.reconcile import Report, Settings, reconcile
from cashback.processes.stack import Plan, Ports
from tests.integration.chain.support import Bench, assembled, deployed, running, settings_of
from tests.integration.ledger.world import START, Dsns, World, buy, delivery, open_world
from tests.support.facts import eventually
from tests.support.servers import Databases

DATABASES: Final = ("cashback", "minting", "chain")
BLOCKS_TO_FINAL: Final = 8
HISTORY_BLOCKS: Final = 4_096
CLOCK: Final = ManualClock(START)


class Ways(Dsns, frozen=True):
    """How to connect to a copy of the cashback database, as whom."""

    plan: Plan
    server: EmbeddedPostgres

    def of(self, role: str) -> str:
        """Return the DSN of one of the service's roles."""
        return self.plan.dsn(self.server, str(conninfo_to_dict(self.superuser)["dbname"]), role)


class Story(msgspec.Struct, frozen=True):
    """What was told: where it stands, which numbers are minted for which cashback, and which are only requested."""

    server: EmbeddedPostgres
    node: EmbeddedAnvil
    plan: Plan
    where: contracts.Deployed
    minted: list[int]
    requested: list[int]


class Scene(msgspec.Struct, frozen=True):
    """One test's own copy of the story, with the adapter's doors open and its loops at rest."""

    story: Story
    dsns: dict[str, str]
    bench: Bench
    settings: dict[str, str]

    async def reconciled(self, *, is_whole: bool = True) -> Report:
        """Return the comparison, of everything or of what came after the last checkpoint."""
        return await reconcile(load(Settings, self.settings), is_whole=is_whole)

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run `cashback` as an operator does; return its exit code and what it printed."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cashback", *arguments), env=self.settings, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await child.communicate()
        assert child.returncode is not None
        return child.returncode, printed.decode()

    def spoil(self, database: str, statement: str, *parameters: object) -> None:
        """Change exactly one row behind the system's back: no trigger fires and no foreign key is looked after."""
        with psycopg.connect(self.dsns[database]) as connection:
            connection.execute("set session_replication_role = replica")
            assert connection.execute(statement.encode(), parameters).rowcount == 1

    def one(self, database: str, query: str, *parameters: object) -> tuple[Any, ...]:
        """Return the only row that the superuser reads."""
        with psycopg.connect(self.dsns[database]) as connection:
            [row] = connection.execute(query.encode(), parameters).fetchall()
            return row

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[World]:
        """Yield the cashback service over this copy."""
        async with open_world(Ways(self.dsns["cashback"], self.story.plan, self.story.server)) as world:
            yield world

    @asynccontextmanager
    async def minting(self) -> AsyncIterator[Database]:
        """Yield minting's database as its worker sees it."""
        async with _minting(self.story.plan, self.story.server, self.dsns["minting"]) as database:
            yield database

    async def finalise(self) -> None:
        """Mine until everything so far is final."""
        await self.bench.lever.mine(BLOCKS_TO_FINAL)


async def tell(server: EmbeddedPostgres, node: EmbeddedAnvil) -> Story:
    """Return the story, after it has happened on an empty server and an empty chain."""
    plan = Plan(Ports.free())
    await asyncio.to_thread(migrate.migrate, plan.migration(server))
    where = await deployed(node.url)
    dsns = {name: server.dsn(name) for name in DATABASES}
    open_fence(dsns["cashback"])
    async with (
        open_world(Ways(dsns["cashback"], plan, server)) as ledger,
        _minting(plan, server, dsns["minting"]) as minting,
        _adapter(plan, server, node, where, dsns["chain"]) as bench,
        running(bench.adapter.lanes[0].run, bench.adapter.follower.run),
        Adapter.connect(HOST, plan.ports.adapter) as gateway,
    ):
        await ledger.programme()
        merchant, users = await ledger.merchant(), [await ledger.user() for _ in range(3)]
        await ledger.record(*(buy(user, merchant) for user in users))
        await ledger.request()
        minted = await _mint(ledger, minting, dsns["minting"], gateway, bench)
        await ledger.record(*(buy(user, merchant) for user in users[:2]))
        await ledger.request()
        requests = [to_request(delivery(event)) for event in await ledger.events("ledger", "token.mint.requested")]
        async with minting.transaction() as tx:
            await Requests(CLOCK).take(tx, requests)
        numbers = [_number(event.data) for event in await ledger.events("ledger", "token.mint.requested")]
        await bench.followed()
    return Story(server, node, plan, where, minted, sorted(set(numbers) - set(minted)))


@asynccontextmanager
async def retold(story: Story) -> AsyncIterator[Scene]:
    """Yield a copy of the story, and take everything back at the end of the block."""
    copies = Databases(story.server)
    with ExitStack() as databases:
        databases.callback(copies.close)
        dsns = {name: databases.enter_context(copies.fresh(name)) for name in DATABASES}
        open_fence(dsns["cashback"])
        async with _adapter(story.plan, story.server, story.node, story.where, dsns["chain"]) as bench:
            snapshot = await bench.lever.call("evm_snapshot")
            try:
                yield Scene(story, dsns, bench, _settings(story, dsns))
            finally:
                await bench.lever.call("evm_revert", snapshot)


def open_fence(dsn: str) -> None:
    """Have a ledger give out numbers on this server, as after a comparison that was well."""
    with psycopg.connect(dsn) as connection:
        connection.execute("select ledger.account_for_numbers(0)")


def _settings(story: Story, dsns: dict[str, str]) -> dict[str, str]:
    """Return the operator's variables for copies of the databases."""
    names = {"cashback": "LEDGER", "minting": "MINTING", "chain": "CHAIN"}
    audits = {
        f"CASHBACK_{names[name]}_AUDIT_DSN": story.plan.dsn(
            story.server, str(conninfo_to_dict(dsn)["dbname"]), f"{name}_auditor"
        )
        for name, dsn in dsns.items()
    }
    return {"CASHBACK_ADAPTER_ADDRESS": f"{HOST}:{story.plan.ports.adapter}", **audits}


@asynccontextmanager
async def _minting(plan: Plan, server: EmbeddedPostgres, dsn: str) -> AsyncIterator[Database]:
    """Yield minting's database as its worker sees it."""
    worker = plan.dsn(server, str(conninfo_to_dict(dsn)["dbname"]), "minting_worker")
    async with Database.open(worker, name="minting") as database:
        yield database


@asynccontextmanager
async def _adapter(
    plan: Plan, server: EmbeddedPostgres, node: EmbeddedAnvil, where: contracts.Deployed, dsn: str
) -> AsyncIterator[Bench]:
    """Yield an adapter that answers, and whose loops do not run."""
    role = plan.dsn(server, str(conninfo_to_dict(dsn)["dbname"]), "chain_adapter")
    async with assembled(settings_of(role, node.url, where, adapter_port=plan.ports.adapter)) as bench:
        doors = AdapterServer(
            host=HOST,
            port=plan.ports.adapter,
            services=bench.adapter.services,
            administration=Administration(
                bench.adapter.halting,
                bench.adapter.rotation,
                bench.adapter.recovering,
                cancellations=bench.adapter.cancellations,
                releases=bench.adapter.releases,
            ),
        )

        async def look() -> bool | None:
            try:
                await doors.check()
            except Unavailable:
                return None
            return True

        async with running(doors.run):
            await eventually(look, within_s=30, what="the adapter answers")
            yield bench


async def _mint(ledger: World, minting: Database, superuser: str, gateway: Adapter, bench: Bench) -> list[int]:
    """Take everything that the ledger has requested to the chain and back, and return the numbers."""
    requests = [to_request(delivery(event)) for event in await ledger.events("ledger", "token.mint.requested")]
    async with minting.transaction() as tx:
        await Requests(CLOCK).take(tx, requests)
    await Submitter(minting, gateway, CLOCK, holder="worker").submit_due()
    numbers = [request.number for request in requests]
    await bench.settled(numbers)
    follower = Follower(minting, gateway, CLOCK, holder="worker")
    token = await follower.acquire()
    async with aclosing(gateway.watch(Cursor())) as batches:
        assert token is not None
        assert await follower.apply(token, await anext(batches))
    with psycopg.connect(superuser) as connection:
        told = connection.execute("select data from minting.outbox_events").fetchall()
    await ledger.settle(*(msgspec.json.decode(row[0], type=TokenMinted) for row in told))
    return numbers


def _number(data: bytes) -> int:
    """Return the number that a request is about."""
    return int(msgspec.json.decode(data)["mint_number"])
