"""Holding a lease over a loop's life: taken, renewed beside the work, checked inside every transaction it guards."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from cashback.chain.model import LeaseLost
from cashback.chain.store.network import SCHEMA
from cashback.kernel import lease
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.failpoints import reach

TTL_S: Final = 4.0
"""How long a dead holder keeps the others waiting."""
RENEW_AFTER_S: Final = 1.0

T = TypeVar("T")


class Tenure:
    """One name's lease as one process sees it. `holder` is new with every process: a restart is another holder."""

    def __init__(self, database: Database, *, name: str, holder: str) -> None:
        """Hold nothing yet."""
        self._database = database
        self._name = name
        self._holder = holder
        self._token: int | None = None
        self._renewed_at_s = 0.0

    async def hold(self) -> bool:
        """Return whether the lease is held, taking or renewing it when that is due.

        Raises:
            DatabaseUnavailable: nobody can tell.
        """
        if self._token is None or monotonic_s() - self._renewed_at_s >= RENEW_AFTER_S:
            self._token = await self._acquire()
        return self._token is not None

    async def keep(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, renewing the held lease beside it for as long as it takes.

        Raises:
            LeaseLost, DatabaseUnavailable: the lease could not be renewed; `work` was cancelled.
            As `work`.
        """
        working, renewing = asyncio.create_task(work), asyncio.create_task(self._renew())
        try:
            try:
                await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
                is_done = working.done()
            finally:
                working.cancel()
                renewing.cancel()
                await asyncio.gather(working, renewing, return_exceptions=True)
            if not is_done:
                renewing.result()
                raise LeaseLost(f"the lease {self._name} was lost")
            return working.result()
        finally:
            # A task holds its failure, and the failure this call: all that work had in hand would be freed late.
            del working, renewing

    @property
    def token(self) -> int | None:
        """Return the fencing token, None when nothing is held; it rises each time the lease changes hands."""
        return self._token

    async def fence(self, tx: Tx) -> None:
        """Return when the lease is still ours, and keep it so until `tx` ends.

        Raises:
            LeaseLost: it is not; `tx` must roll back.
        """
        if self._token is None or not await lease.is_held(tx, schema=SCHEMA, name=self._name, token=self._token):
            self._token = None
            raise LeaseLost(f"the lease {self._name} was lost")

    async def release(self) -> None:
        """Give the lease back, so that the next holder need not wait for it to run out."""
        if self._token is None:
            return
        async with self._database.transaction() as tx:
            await lease.release(tx, schema=SCHEMA, name=self._name, token=self._token)
        self._token = None

    async def _renew(self) -> None:
        """Keep the lease; return once it is lost. With a higher token, too: somebody may have held it in between."""
        while True:
            await asyncio.sleep(RENEW_AFTER_S)
            if await self._acquire() != self._token:
                self._token = None
                return

    async def _acquire(self) -> int | None:
        """Return the token when the lease is ours for another `TTL_S`, else None."""
        asked_at_s = monotonic_s()
        async with self._database.transaction() as tx:
            token = await lease.acquire(tx, schema=SCHEMA, name=self._name, holder=self._holder, ttl_s=TTL_S)
        if token is not None:
            reach("lease.renewed" if token == self._token else "lease.taken")
        self._renewed_at_s = asked_at_s
        return token
