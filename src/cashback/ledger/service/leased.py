"""A loop of the ledger worker that one process at a time turns: under a lease, and fenced.

standby ──lease──▶ turn, turn, ... ──lost──▶ standby          the lease is renewed while a turn lasts, and each of
                                                              its transactions makes sure that it is still ours
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

from cashback.kernel import lease
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.lifecycle.stopping import accompanied, pause, until_stopped
from cashback.kernel.telemetry import logger

SCHEMA: Final = "ledger"
LEASE_TTL_S: Final = 4.0
"""How long a worker that is dead keeps the others waiting. One that lives in a transaction of its own for longer, which
holds the lease, can lose it at the end of that; what it has committed stays."""

RENEW_S: Final = 1.0

log = logger(__name__)


class LeaseLost(Unavailable):
    """Another process has the lease by now; nothing was changed."""

    code = "lease_lost"


class Fence(msgspec.Struct, frozen=True):
    """A lease and the token under which it is held."""

    name: str
    token: int

    async def keep(self, tx: Tx) -> None:
        """Keep the lease from everybody else until `tx` ends.

        Raises:
            LeaseLost: it is somebody else's already.
        """
        if not await lease.is_held(tx, schema=SCHEMA, name=self.name, token=self.token):
            raise LeaseLost(f"the lease {self.name!r} went to another worker", lease=self.name)


class Leased:
    """Turns `turn` while it holds the lease `name`; any number of processes may stand by."""

    def __init__(
        self, database: Database, *, name: str, holder: str, every_s: float, turn: Callable[[Fence], Awaitable[bool]]
    ) -> None:
        """Turn every `every_s` seconds, and at once while `turn` answers that there is more to do."""
        self._database = database
        self._name = name
        self._holder = holder
        self._every_s = every_s
        self._turn = turn
        self._held: Fence | None = None
        self._waits_for = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until `stop` is set, then give the lease back; what fails for now is tried again.

        Raises:
            Broken: one of our invariants does not hold.
        """
        try:
            while not stop.is_set():
                await until_stopped(self._turns(stop), stop)
                await pause(stop, self._every_s)
        finally:
            await self._release()

    async def acquire(self) -> Fence | None:
        """Return the fence when this process has the lease now, else None.

        Raises:
            Unavailable: the database did not answer.
        """
        async with self._database.transaction() as tx:
            token = await lease.acquire(tx, schema=SCHEMA, name=self._name, holder=self._holder, ttl_s=LEASE_TTL_S)
        self._held = None if token is None else Fence(self._name, token)
        return self._held

    async def _turns(self, stop: asyncio.Event) -> None:
        """Turn as long as there is something to do; what it waits for is said once."""
        try:
            while not stop.is_set():
                fence = await self.acquire()
                if fence is None or not await accompanied(self._take_turn(fence), self._keep(fence)):
                    break
        except (Unavailable, Rejected) as cause:
            if cause.code != self._waits_for:
                log.warning("lease.turn_postponed", lease=self._name, code=cause.code, reason=cause.detail)
            self._waits_for = cause.code
        else:
            self._waits_for = ""

    async def _take_turn(self, fence: Fence) -> bool:
        """Turn once; tell whether there is more to do."""
        return await self._turn(fence)

    async def _keep(self, fence: Fence) -> None:
        """Renew the lease until cancelled; where that fails it may run out, which the fence finds out."""
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(Unavailable):
                async with self._database.transaction() as tx:
                    await lease.renew(tx, schema=SCHEMA, name=fence.name, token=fence.token, ttl_s=LEASE_TTL_S)

    async def _release(self) -> None:
        """Let another process go on at once, rather than when the lease runs out."""
        if self._held is not None:
            with suppress(Unavailable):
                async with self._database.transaction() as tx:
                    await lease.release(tx, schema=SCHEMA, name=self._name, token=self._held.token)
