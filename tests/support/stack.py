"""The whole system for a test session: impatient where production is patient, and read past its own doors."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import httpx
import psycopg

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import load
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.http import Scope
from cashback.processes.reconcile import Report, Settings, reconcile
from cashback.processes.stack import Stack
from cashback.purchases.service import ApiKeys
from tests.support.chain import ChainReader
from tests.support.facts import eventually
from tests.support.rates import UNLIMITED
from tests.support.witness import Lookout

SOON_S: Final = 0.25
"""Between two blocks, where tests wait for mints: one is final when four blocks are on top of it."""

ANCHORED_SOON: Final = {"CASHBACK_SEAL_AFTER_S": "1", "CASHBACK_ANCHOR_EVERY_S": "5"}
"""What was posted is anchored while a test waits for it."""

IMPATIENT: Final = {"worker-ledger": {"CASHBACK_REISSUE_AFTER_S": "8", "CASHBACK_MISSED_AFTER_S": "3"}}
"""Settings under which what was lost with a broker comes again within seconds; a mint is final sooner than that."""


OUTBOXES: Final = {"purchases": "cashback", "ledger": "cashback", "minting": "minting"}
"""In which database each outbox is."""


class Stoppable(Protocol):
    """A server or process of a stack."""

    def start(self) -> object:
        """Return it, ready."""

    def stop(self) -> None:
        """End it."""


class WholeSystem(Stack):
    """A stack that forgets what it stored when the machine dies, and not before, with an auditor's doors."""

    def __init__(
        self, folder: Path, *, anvil: Path, changes: Mapping[str, Mapping[str, str]], block_time_s: float = 1
    ) -> None:
        """Start nothing yet; `changes` are further settings of processes, by name."""
        super().__init__(folder, anvil=anvil, block_time_s=block_time_s, durable=False)
        self._changes = changes
        self._lookout = Lookout()
        self.gone: dict[str, int] = {}
        """Up to which position of an outbox the broker may have lost what it held: its storage was wiped then."""

    def settings(self, name: str) -> dict[str, str]:
        """Return the `CASHBACK_*` variables of one process."""
        return {**super().settings(name), **self._changes.get(name, {})}

    async def wipe_broker(self) -> None:
        """Remove all that the broker holds, which is not running, and know what was committed until then."""
        self.nats.wipe()
        self.gone = await eventually(self._positions, within_s=60, what="the databases can be asked", every_s=0.2)

    async def _positions(self) -> dict[str, int] | None:
        """Return the last position of every outbox, None while a fault keeps the databases away."""
        query = "select coalesce(max(position), 0) from {schema}.outbox_events"
        try:
            return {name: self.rows(of, query.format(schema=name))[0][0] for name, of in OUTBOXES.items()}
        except psycopg.OperationalError:
            return None

    def rows(self, database: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what the superuser reads in one service's database."""
        return self._lookout.rows(self.postgres.dsn(database), query, *parameters)

    def look_away(self) -> None:
        """Have no connection to any database until somebody asks again: one that is copied or renamed wants nobody."""
        self._lookout.close()

    def stop(self) -> None:
        """Stop every process, then every server; repeatable."""
        self.look_away()
        super().stop()

    @asynccontextmanager
    async def chain(self) -> AsyncIterator[ChainReader]:
        """Yield a reader of the token on the chain, past the adapter."""
        async with ChainReader.open(self.anvil.url, self.token_address) as reader:
            yield reader

    async def merchant_key(self, merchant_id: str) -> str:
        """Return a new API key of one merchant, as `cashback keys create` makes it."""
        dsn = self.operator_settings()["CASHBACK_API_DSN"]
        async with Database.open(dsn, name="test", connections_max=1) as database:
            keys = ApiKeys(database, pepper=self.plan.pepper, clock=SystemClock())
            _, secret = await keys.create(
                scope=Scope.MERCHANT, merchant_id=merchant_id, label="of a test", rate=UNLIMITED
            )
        return secret.value

    async def reconciled(self) -> Report:
        """Return the comparison of ledger, minting and chain, as `cashback reconcile` makes it."""
        return await reconcile(load(Settings, self.operator_settings()))

    async def drained(self, *, within_s: float = 60) -> Report:
        """Return the comparison once nothing is under way any more."""

        async def look() -> Report | None:
            try:
                report = await self.reconciled()
            except Unavailable:  # whatever was killed may not be back yet
                return None
            return report if report.is_drained else None

        return await eventually(look, within_s=within_s, what="nothing is under way any more", every_s=0.5)


@contextmanager
def whole_system(
    folder: Path,
    anvil: Path,
    *,
    changes: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    block_time_s: float = 1,
) -> Iterator[WholeSystem]:
    """Give a running system."""
    with WholeSystem(folder, anvil=anvil, changes=changes, block_time_s=block_time_s) as stack:
        yield stack


@asynccontextmanager
async def stopped(one: Stoppable) -> AsyncIterator[None]:
    """Stop a server or process, and start it again at the end of the block."""
    await asyncio.to_thread(one.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(one.start)


@asynccontextmanager
async def rest_client(stack: Stack, api_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the REST API with one key; it asks once and tells what it is told."""
    headers = {"Authorization": f"Bearer {api_key}"}
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, limits=limits, timeout=10) as http:
        yield http
