"""A small world for minting: its schema with its roles, requests as they arrive, and what is seen of the effects."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cashback.events.ledger import TokenMintRequested
from cashback.kernel.bus import Delivery
from cashback.kernel.clock import ManualClock
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.migrations import upgrade
from cashback.minting import Cursor, Follower, Readings, Requests, Submitter
from cashback.minting.consumer import MintRequests
from cashback.minting.gateway import Adapter
from cashback.minting.model import OutcomeBatch
from tests.support.adapter import HOST, FakeAdapter

ROLES: Final = ("minting_worker", "minting_relay", "minting_auditor", "minting_operator")
PASSWORD: Final = "minting in tests"
NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WITHIN_S: Final = 15.0
ENDS_WITHIN_S: Final = 20.0
"""A loop that was told to stop ends within 1.5 s; one that does not hear it would run for ever."""
_LOOK_EVERY_S: Final = 0.01


def prepare(dsn: str) -> None:
    """Make the schema in the database behind `dsn`, with its roles."""
    give_roles(dsn)
    upgrade(dsn, "minting")


def give_roles(dsn: str) -> None:
    """Have the server know minting's roles by the password of these tests; safe to repeat."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for role in ROLES:
            known = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
            connection.execute(
                sql.SQL("{} role {} with login password {}").format(
                    sql.SQL("alter" if known else "create"), sql.Identifier(role), sql.Literal(PASSWORD)
                )
            )


def empty(dsn: str) -> None:
    """Make the schema as empty as after its migration."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "truncate minting.mints, minting.mint_journal, minting.halts, minting.inbox, minting.leases, "
            "minting.outbox_events"
        )
        connection.execute("update minting.outcome_cursor set epoch = default, sequence = default, number = default")
        connection.execute("update minting.outbox_cursors set position = default, expires_at = default")


def dsn_of(role: str, dsn: str) -> str:
    """Return the DSN with which a role reaches the database behind `dsn`."""
    return make_conninfo(dsn, user=role, password=PASSWORD)


class World(msgspec.Struct, frozen=True):
    """Minting's database as its worker and its auditor see it, and an adapter that the test rules."""

    dsn: str
    database: Database
    auditor: Database
    operator: Database
    fake: FakeAdapter
    adapter: Adapter
    clock: ManualClock

    async def take(self, *deliveries: Delivery) -> None:
        """Have the consumer's handler take deliveries in, in one transaction."""
        handler = MintRequests(Requests(self.clock))
        async with self.database.transaction() as tx:
            await handler.handle(tx, deliveries)

    def submitter(self, holder: str = "worker_1") -> Submitter:
        """Return a submitter in the name of a process."""
        return Submitter(self.database, self.adapter, self.clock, holder=holder)

    def follower(self, holder: str = "worker_1") -> Follower:
        """Return a follower in the name of a process."""
        return Follower(self.database, self.adapter, self.clock, holder=holder)

    async def told(self, cursor: Cursor | None = None) -> OutcomeBatch:
        """Return what the adapter has to tell after `cursor`, or after the stored one."""
        after = cursor or await Readings(self.auditor).cursor()
        async with aclosing(self.adapter.watch(after)) as batches:
            return await anext(batches)

    async def follow(self, holder: str = "worker_1") -> None:
        """Apply everything that the adapter has to tell."""
        follower = self.follower(holder)
        token = await follower.acquire()
        assert token is not None
        assert await follower.apply(token, await self.told())

    async def mint(self, *numbers: int) -> None:
        """Take requests in and let them become final on the chain and known to minting."""
        await self.take(*(request(number) for number in numbers))
        await self.submitter().submit_due()
        self.fake.mint(numbers)
        await self.follow()

    async def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what the auditor reads."""
        async with self.auditor.transaction() as tx:
            return await (await tx.execute(statement.encode(), parameters)).fetchall()

    async def states(self) -> dict[int, str]:
        """Return every mint's state by its number."""
        return dict(await self.rows("select number, state from minting.mints order by number"))

    async def due(self) -> list[int]:
        """Return the numbers that are due now."""
        found = await self.rows("select number from minting.mints where submit_after <= now() order by number")
        return [row[0] for row in found]

    async def events(self, type_: str | None = None) -> list[dict[str, Any]]:
        """Return the data of what was published, in order, with each event's type, id, key and trace."""
        found = await self.rows(
            "select type, event_id, key, traceparent, data from minting.outbox_events order by position"
        )
        return [
            {"type": row[0], "id": row[1], "key": row[2], "traceparent": row[3], **msgspec.json.decode(row[4])}
            for row in found
            if type_ in {None, row[0]}
        ]

    async def halts(self) -> list[tuple[str, int, str]]:
        """Return kind, number and cashback of the open halts."""
        found = await self.rows(
            "select kind, number, cashback_id from minting.halts where lifted_at is null order by id"
        )
        return [(row[0], row[1], row[2]) for row in found]

    def execute(self, statement: str, *parameters: object) -> None:
        """Change something behind minting's back, as the owner."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement.encode(), parameters)


@asynccontextmanager
async def a_world(dsn: str) -> AsyncIterator[World]:
    """Give the world around the migrated database behind `dsn`."""
    async with (
        Database.open(dsn_of("minting_worker", dsn), name="minting") as database,
        Database.open(dsn_of("minting_auditor", dsn), name="auditor") as auditor,
        Database.open(dsn_of("minting_operator", dsn), name="operator", connections_max=1) as operator,
        FakeAdapter.serving() as fake,
        Adapter.connect(HOST, fake.port) as adapter,
    ):
        yield World(dsn, database, auditor, operator, fake, adapter, ManualClock(NOON))


def cashback(number: int) -> str:
    """Return the id of the cashback that is requested under `number`; always the same one."""
    return f"cb_{number:026d}"


def wallet(number: int) -> str:
    """Return an address; always the same one for a number."""
    return f"0x{number:040x}"


def request(
    number: int, *, cashback_id: str | None = None, recipient: str | None = None, amount: int | None = None
) -> Delivery:
    """Return a mint request as a new event; its terms follow from its number unless they are given."""
    body = TokenMintRequested(
        mint_number=str(number),
        cashback_id=cashback_id or cashback(number),
        recipient=recipient or wallet(number),
        token_units=str(number * 1_000 if amount is None else amount),
    )
    return Delivery(
        id=new_id("evt"),
        type=body.TYPE,
        key=body.cashback_id,
        data=msgspec.json.encode(body),
        time=NOON,
        traceparent=TRACE,
        attempt=1,
        sequence=number,
    )


async def eventually(fact: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S) -> None:
    """Return once `fact` holds; fail when it does not in time."""
    async with asyncio.timeout(within_s):
        while not await fact():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await asyncio.Event().wait()


@asynccontextmanager
async def running(*runs: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """Run loops while the block lasts, then stop them and see that each ends, and well."""
    stop = asyncio.Event()
    loops = [asyncio.ensure_future(run(stop)) for run in runs]
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(ENDS_WITHIN_S):
            await asyncio.gather(*loops)
