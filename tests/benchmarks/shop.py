"""The cashback service over a PostgreSQL that really writes to disk: a merchant, a programme, users, and its books."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from cashback.chain.model import Address
from cashback.kernel.addresses import checksum_address
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.kernel.http import Scope
from cashback.kernel.lifecycle import heap
from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.processes import migrate
from cashback.processes.embedded import EmbeddedPostgres
from cashback.processes.stack import Plan, Ports
from cashback.purchases import ApiKeys, People, Programmes
from cashback.purchases.model import OPERATOR, Merchant, NewMerchant, NewUser, Outcome, ProgrammeStart, Recorded, User
from tests.support.rates import UNLIMITED

USERS: Final = 2_000
AMOUNT_MINOR: Final = 1_999
BUDGET: Final = Minor(10**14)

_KEYS: Final = "purchases.idempotency_keys"
_TABLES: Final = (
    "purchases.purchases",
    _KEYS,
    "purchases.outbox_events",
    "ledger.cashback_ledger",
    "ledger.decisions",
    "ledger.cashback_transitions",
    "ledger.transfers",
    "ledger.outbox_events",
)
"""Where every recorded purchase leaves exactly one row."""

SETTINGS: Final = {"min_wal_size": "1GB", "max_wal_size": "4GB"}
"""What compose.yaml starts the server with."""

_FILES: Final = 48
"""How many files of the log, of 16 MB each, are there to reuse: 150,000 purchases."""


class Cast(msgspec.Struct, frozen=True):
    """Who buys where: 5 % of everything for each user, minted to a wallet of their own."""

    merchant_id: str
    user_ids: list[str]


class Shop(msgspec.Struct, frozen=True):
    """A migrated and furnished cashback service; no process of it runs."""

    postgres: EmbeddedPostgres
    plan: Plan
    operator_key: str
    cast: Cast

    @property
    def dsn(self) -> str:
        """Return how the API reaches its database."""
        return self.plan.dsn(self.postgres, "cashback", "cashback_api")

    async def rows(self) -> dict[str, int]:
        """Return how many rows each table holds that a purchase leaves one in."""
        counts = ", ".join(f"(select count(*) from {table})" for table in _TABLES)
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn("cashback")) as connection:
            row = await (await connection.execute(f"select {counts}".encode())).fetchone()
        return dict(zip(_TABLES, row or (), strict=True))

    async def astray(self, before: dict[str, int], recorded: int, *, keys: int = 0) -> int:
        """Return how many rows are too many or too few after so many purchases, plus how many balances are wrong.

        Beside the purchases' own there are so many idempotency `keys`: a bulk has one for the whole.
        """
        after = await self.rows()
        expected = dict.fromkeys(_TABLES, recorded) | {_KEYS: recorded + keys}
        astray = sum(abs(after[table] - before[table] - rows) for table, rows in expected.items())
        return astray + await self.wrong_balances()

    async def recycle(self) -> None:
        """Have the server be as one that has run for minutes: with files of its log to reuse, more than a round needs.

        One that was just made has none to reuse. It makes one of 16 MB every 3,200 purchases, all zeros and an fsync,
        inside somebody's commit. A checkpoint keeps those that were filled before it, up to `min_wal_size`.
        """
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn(), autocommit=True) as connection:
            for _ in range(_FILES):
                await connection.execute("select pg_logical_emit_message(false, 'bench', 'filled'), pg_switch_wal()")
            await connection.execute("checkpoint")

    async def look(self) -> None:
        """Have the server look at its tables as it does every minute: statements were planned while they were empty."""
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn("cashback"), autocommit=True) as connection:
            await connection.execute("analyze")

    async def purchases(self) -> int:
        """Return how many purchases are recorded."""
        return (await self.rows())["purchases.purchases"]

    async def wrong_balances(self) -> int:
        """Return how many accounts do not hold what their transfers add up to."""
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn("cashback")) as connection:
            cursor = await connection.execute(
                """
                select count(*)
                from ledger.accounts as account
                left join (select account_id, sum(amount) as amount from ledger.entries group by account_id) as moved
                  on moved.account_id = account.id
                where account.balance <> coalesce(moved.amount, 0)
                """
            )
            row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def settle(dsn: str) -> None:
    """Do what the server would do at a moment of its own choice: look through every table that was filled.

    It is not to write all pages down: the first change of each would then be logged with the whole page, which a system
    that has run for some minutes has behind it.
    """
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("vacuum analyze")


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    """Yield a shop on a server of its own, with fsync on; this process collects cycles as a serving one does."""
    heap.settle()
    postgres, plan = EmbeddedPostgres(folder / "postgres", settings=SETTINGS), Plan(Ports.free())
    await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(migrate.migrate, plan.migration(postgres), ("cashback",))
        async with Database.open(plan.dsn(postgres, "cashback", "cashback_api"), name="bench") as database:
            cast = await furnish(database)
            keys = ApiKeys(database, pepper=plan.pepper, clock=SystemClock())
            _, secret = await keys.create(scope=Scope.OPERATOR, label="bench", rate=UNLIMITED)
        yield Shop(postgres, plan, secret.value, cast)
    finally:
        await asyncio.to_thread(postgres.stop)


async def furnish(database: Database) -> Cast:
    """Return merchant and users, with a programme in force whose budget no benchmark exhausts; repeatable."""
    clock = SystemClock()
    start = ProgrammeStart(
        owner=OPERATOR,
        key="bench-programme",
        name="bench",
        currency="USD",
        rate=Bps(500),
        token_rate=TokenRate(1, 1),
        budget=BUDGET,
    )
    _answer(await Programmes(database, clock=clock).create(start))
    people = People(database, clock=clock)
    shop = await people.create_merchant(NewMerchant(owner=OPERATOR, key="bench", name="Bench"))
    users = await people.create_users(
        [NewUser(owner=OPERATOR, key=f"bench-{number}", wallet=wallet(number)) for number in range(USERS)]
    )
    merchant_id = msgspec.json.decode(_answer(shop), type=Merchant).id
    return Cast(merchant_id, [msgspec.json.decode(_answer(user), type=User).id for user in users])


def wallet(number: int) -> str:
    """Return an address that looks like any other, the same for the same number."""
    return checksum_address(f"0x{recipient(number).hex()}")


def recipient(number: int) -> Address:
    """Return the same address as bytes."""
    return Address(sha256(f"wallet {number}".encode()).digest()[:20])


def _answer(outcome: Outcome) -> bytes:
    """Return the answer of a command that must have been done."""
    if not isinstance(outcome, Recorded):
        raise outcome.error
    return outcome.answer
