"""Tenure: the time for which a worker has a partition, from the lease that it got to the lease that it lost.

The lease is in the database that the effects are stored in, so that its token fences each of their transactions: a
worker that stood still, or was cut off, stores nothing more. Whether to go on trying it tells by its own clock.
"""

import asyncio
from contextlib import suppress
from typing import Final

from cashback.kernel import lease
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable

LEASE_TTL_S: Final = 3.0
"""How long a worker that is dead keeps its partition; one that lives loses it by a transaction that takes longer."""

RENEWALS: Final = 3
"""How often a lease is renewed in the time for which it is given."""


class PartitionLost(Unavailable):
    """The partition is another worker's, or may be; nothing was stored."""

    code = "partition_lost"


class Tenure:
    """One partition in one worker's hands; `is_over` once it may be in another's."""

    def __init__(self, database: Database, *, schema: str, name: str, holder: str, token: int, since_s: float) -> None:
        """Have the lease `name` of `schema` under `token`, asked for at `since_s`."""
        self._database = database
        self._schema = schema
        self._name = name
        self._holder = holder
        self._token = token
        self._until_s = since_s + LEASE_TTL_S

    @classmethod
    async def begin(cls, database: Database, *, schema: str, name: str, holder: str) -> "Tenure | None":
        """Return the tenure of whoever gets the lease now, None when another one has it.

        Raises:
            DatabaseUnavailable: nobody can tell.
        """
        since_s = monotonic_s()
        async with database.transaction() as tx:
            token = await lease.acquire(tx, schema=schema, name=name, holder=holder, ttl_s=LEASE_TTL_S)
        if token is None:
            return None
        return cls(database, schema=schema, name=name, holder=holder, token=token, since_s=since_s)

    async def fence(self, tx: Tx) -> None:
        """Keep the partition from everybody else until `tx` ends.

        Raises:
            PartitionLost: it is somebody else's already.
        """
        if not await lease.is_held(tx, schema=self._schema, name=self._name, token=self._token):
            raise PartitionLost(f"the lease {self._name!r} went to another worker", lease=self._name)

    def check(self) -> None:
        """Return while it cannot be another's yet.

        Raises:
            PartitionLost: the lease was not renewed in time.
        """
        if monotonic_s() >= self._until_s:
            raise PartitionLost(f"the lease {self._name!r} ran out", lease=self._name)

    async def keep(self) -> None:
        """Renew the lease until cancelled; a database that is away is asked again.

        Raises:
            PartitionLost: another one has it, or had it.
        """
        while True:
            await asyncio.sleep(LEASE_TTL_S / RENEWALS)
            with suppress(Unavailable):
                await self._renew()
            self.check()

    async def _renew(self) -> None:
        """Have the lease for the whole of its time again, unless it is lost."""
        asked_s = monotonic_s()
        async with self._database.transaction() as tx:
            token = await lease.acquire(
                tx, schema=self._schema, name=self._name, holder=self._holder, ttl_s=LEASE_TTL_S
            )
        self._until_s = asked_s + LEASE_TTL_S if token == self._token else 0.0

    async def end(self) -> None:
        """Give the partition up, so that another worker need not wait for it; safe to repeat."""
        with suppress(Unavailable):
            async with self._database.transaction() as tx:
                await lease.release(tx, schema=self._schema, name=self._name, token=self._token)
