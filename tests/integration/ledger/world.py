"""A cashback service for tests: a fresh database with its real roles, and builders for whoever acts in it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from cashback.events import decode
from cashback.events.ledger import TokenMintRequested
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.kernel.addresses import checksum_address
from cashback.kernel.bus import Delivery
from cashback.kernel.clock import ManualClock
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.migrations import upgrade
from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger import MintPolicy, NewProgramme, Programme, ProgrammeAnswer, Readings, Retirements, Sweeper
from cashback.ledger.consumer import LedgerConsumer
from cashback.purchases import People, Programmes, Purchases
from cashback.purchases.model import (
    OPERATOR,
    Merchant,
    NewMerchant,
    NewPurchase,
    NewUser,
    NewWallet,
    Outcome,
    ProgrammeStart,
    PurchaseAnswer,
    Recorded,
    Refused,
    User,
)
from tests.support.servers import Databases
from tests.support.witness import Witness

ROLES: Final = tuple(f"cashback_{of}" for of in ("owner", "api", "ledger", "relay", "auditor", "operator", "webhooks"))
PASSWORD: Final = "password-of-a-test"
START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TEMPLATE: Final = "cashback_service"
_numbers: Final = count(1)

T = TypeVar("T")


class Dsns(msgspec.Struct, frozen=True):
    """How to connect to one test's database, as whom."""

    superuser: str

    def of(self, role: str) -> str:
        """Return the DSN of one of the service's roles."""
        parts = conninfo_to_dict(self.superuser)
        return f"postgresql://{role}:{PASSWORD}@{parts['host']}:{parts['port']}/{parts['dbname']}"


class Stored(msgspec.Struct, frozen=True):
    """An event as it stands in an outbox."""

    position: int
    id: str
    type: str
    key: str
    data: bytes
    traceparent: str | None


def migrated(databases: Databases) -> str:
    """Return the name of a template that holds all schemas and nothing else."""
    return databases.template(_TEMPLATE, _migrate)


@contextmanager
def fresh_database(databases: Databases) -> Iterator[Dsns]:
    """Give a migrated database of its own, with the service's roles."""
    with databases.fresh(migrated(databases)) as dsn:
        with psycopg.connect(dsn) as connection:
            # As a worker does once it has heard that nobody knows a number of this ledger.
            connection.execute("select ledger.account_for_numbers(0)")
        yield Dsns(dsn)


class World:
    """The service over one database: what the API does, what the worker does, and what an auditor sees."""

    def __init__(self, dsns: Dsns, *, api: Database, worker: Database, auditor: Database, operator: Database) -> None:
        """Work on four connections' worth of roles; nothing is stored yet."""
        self.dsns = dsns
        self.witness = Witness(dsns.superuser)
        self.api, self.worker, self.auditor = api, worker, auditor
        self.clock = ManualClock(START)
        self.policy = MintPolicy()
        self.purchases = Purchases(api, clock=self.clock)
        self.people = People(api, clock=self.clock)
        self.programmes = Programmes(api, clock=self.clock)
        self.readings = Readings(auditor)
        self.retirements = Retirements(operator, clock=self.clock)
        self.consumer = LedgerConsumer(clock=self.clock, policy=self.policy)
        self.sweeper = Sweeper(worker, clock=self.clock, policy=self.policy)

    async def programme(self, *, rate: int = 150, budget: int = 1_000_000, currency: str = "USD") -> Programme:
        """Give a programme in force: 1.5 % of everything in USD until 10,000.00 USD are granted, one token a dollar."""
        name, dollar = f"programme {next(_numbers)}", TokenRate(1, 1)
        terms = NewProgramme(name=name, currency=currency, rate=Bps(rate), token_rate=dollar, budget=Minor(budget))
        return await self.start(terms)

    async def start(self, terms: NewProgramme) -> Programme:
        """Give the programme of these terms, under a key of its own.

        Raises:
            Rejected: why it was refused.
        """
        command = ProgrammeStart(owner=OPERATOR, key=new_key(), **msgspec.structs.asdict(terms))
        if isinstance(outcome := await self.programmes.create(command), Refused):
            raise outcome.error
        return await self.readings.programme(decoded(outcome, ProgrammeAnswer).id)

    async def user(self, *, wallet: str | None = "any", tier: str | None = None) -> User:
        """Give a user, with a wallet of their own unless told otherwise."""
        address = wallet_number(1_000_000 + next(_numbers)) if wallet == "any" else wallet
        command = NewUser(owner=OPERATOR, key=new_key(), wallet=address, tier=tier)
        return decoded(await self.people.create_user(command), User)

    async def merchant(self, *, mcc: str | None = None, owner_id: str | None = None) -> Merchant:
        """Give a merchant, of a category and of an owner if they are told."""
        name = f"Shop {next(_numbers)}"
        command = NewMerchant(
            owner=OPERATOR, key=new_key(), name=name, mcc=mcc, owners=() if owner_id is None else (owner_id,)
        )
        return decoded(await self.people.create_merchant(command), Merchant)

    async def link(self, user: User, wallet: str) -> User:
        """Set a user's wallet."""
        command = NewWallet(owner=OPERATOR, key=new_key(), user_id=user.id, wallet=wallet)
        return decoded(await self.people.set_wallet(command), User)

    async def record(self, *purchases: NewPurchase) -> list[PurchaseAnswer]:
        """Record purchases, all of which must succeed, and return their answers."""
        return [decoded(outcome, PurchaseAnswer) for outcome in await self.purchases.record(purchases)]

    async def request(self, *cashback_ids: str) -> None:
        """Have the worker handle `cashback.approved` of these cashbacks, or of all there are when none is named."""
        events = await self.events("ledger", "cashback.approved")
        chosen = [delivery(event) for event in events if not cashback_ids or event.key in cashback_ids]
        async with self.worker.transaction() as tx:
            await self.consumer.on_approved(tx, chosen)

    async def settle(self, *outcomes: TokenMinted | TokenMintFailed | TokenMintReverted) -> None:
        """Have the worker handle these outcomes, in one batch."""
        async with self.worker.transaction() as tx:
            await self.consumer.on_outcome(tx, [outcome_delivery(outcome) for outcome in outcomes])

    async def events(self, schema: str, type_: str) -> list[Stored]:
        """Return the events of one type that a schema's outbox holds, in order."""
        rows = await self.rows(
            f"select position, event_id, type, key, data, traceparent from {schema}.outbox_events"
            " where type = %s order by position",
            type_,
        )
        return [Stored(*row) for row in rows]

    async def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what the superuser sees."""
        return await self.witness.rows(statement, *parameters)

    async def one(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401  # whatever the statement asks for
        """Return the only value that the superuser sees."""
        return (await self.rows(statement, *parameters))[0][0]

    async def assert_books_prove(self) -> None:
        """Assert that everything adds up (I1, I8)."""
        assert await self.readings.differences(limit=10) == []


@asynccontextmanager
async def open_world(dsns: Dsns, *, connections_max: int = 8, kind: type[World] = World) -> AsyncIterator[World]:
    """Give a world over one database; several over the same one are several processes."""
    async with AsyncExitStack() as stack:
        api, worker, auditor, operator = [
            await stack.enter_async_context(Database.open(dsns.of(role), name=role, connections_max=connections_max))
            for role in ("cashback_api", "cashback_ledger", "cashback_auditor", "cashback_operator")
        ]
        world = kind(dsns, api=api, worker=worker, auditor=auditor, operator=operator)
        stack.push_async_callback(world.purchases.close)
        stack.push_async_callback(world.witness.close)
        yield world


def buy(user: User, merchant: Merchant, amount_minor: int = 10_000, **changes: object) -> NewPurchase:
    """Return a purchase to be recorded: 100.00 USD under a key of its own, unless told otherwise."""
    purchase = NewPurchase(
        owner=OPERATOR,
        key=new_key(),
        merchant_id=merchant.id,
        user_id=user.id,
        amount_minor=amount_minor,
        currency="USD",
        occurred_at=START,
    )
    return msgspec.structs.replace(purchase, **changes)


def new_key() -> str:
    """Return an idempotency key that nobody used."""
    return new_id("req")


def decoded(outcome: Outcome, kind: type[T]) -> T:
    """Return the answer of a command that must have been done."""
    assert isinstance(outcome, Recorded), outcome
    return msgspec.json.decode(outcome.answer, type=kind)


def wallet_number(number: int) -> str:
    """Return a wallet address, checksum and all."""
    return checksum_address(f"0x{number + 0xC0FFEE:040x}")


def delivery(event: Stored) -> Delivery:
    """Return an event as the bus would deliver it."""
    return Delivery(
        id=event.id,
        type=event.type,
        key=event.key,
        data=event.data,
        time=START,
        traceparent=event.traceparent,
        attempt=1,
        sequence=event.position,
    )


def outcome_delivery(outcome: TokenMinted | TokenMintFailed | TokenMintReverted) -> Delivery:
    """Return an outcome as the bus would deliver it, each time as another event."""
    return Delivery(
        id=new_id("evt"),
        type=outcome.TYPE,
        key=outcome.cashback_id,
        data=msgspec.json.encode(outcome),
        time=START,
        traceparent=None,
        attempt=1,
        sequence=next(_numbers),
    )


async def requests(world: World) -> list[TokenMintRequested]:
    """Return every mint request that was published, repetitions included."""
    told = await world.events("ledger", TokenMintRequested.TYPE)
    return [decode(one.data, TokenMintRequested, version=1) for one in told]


async def minted_outcome(world: World, cashback_id: str | None = None) -> TokenMinted:
    """Return the outcome that a cashback's mint is final; of the only one there is when none is named."""
    request = await _request_of(world, cashback_id)
    number = int(request.mint_number)
    return TokenMinted(
        mint_number=request.mint_number,
        cashback_id=request.cashback_id,
        token_units=request.token_units,
        transaction_hash=f"0x{number:064x}",
        block_number=str(100 + number),
        block_hash=f"0x{100 + number:064x}",
    )


async def failed_outcome(
    world: World, cashback_id: str | None = None, *, reason: str = "refused", will_retry: bool = False
) -> TokenMintFailed:
    """Return the outcome that a cashback's mint failed; of the only one there is when none is named."""
    request = await _request_of(world, cashback_id)
    return TokenMintFailed(
        mint_number=request.mint_number, cashback_id=request.cashback_id, reason=reason, will_retry=will_retry
    )


async def _request_of(world: World, cashback_id: str | None) -> TokenMintRequested:
    """Return the request of one cashback, or the only one."""
    found = {each.cashback_id: each for each in await requests(world)}
    return found[cashback_id] if cashback_id else next(iter(found.values()))


def _migrate(dsn: str) -> None:
    """Make the roles and bring all schemas to their heads, as their owner."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for role in ROLES:
            if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
            login = sql.SQL("alter role {} login password {}")
            connection.execute(login.format(sql.Identifier(role), sql.Literal(PASSWORD)))
        connection.execute(sql.SQL("alter database {} owner to cashback_owner").format(sql.Identifier(_TEMPLATE)))
    for schema in ("ledger", "purchases", "webhooks"):
        upgrade(Dsns(dsn).of("cashback_owner"), schema)
