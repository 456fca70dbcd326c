"""Holding a lease over a loop's life: taken, renewed in time, and checked inside every transaction that it guards."""

from typing import Final

from cashback.chain.model import LeaseLost
from cashback.chain.store.network import SCHEMA
from cashback.kernel import lease
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database, Tx

TTL_S: Final = 4.0
"""How long a dead holder keeps the others waiting."""
RENEW_AFTER_S: Final = 1.0


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
        if self._token is not None and monotonic_s() - self._renewed_at_s < RENEW_AFTER_S:
            return True
        asked_at_s = monotonic_s()
        async with self._database.transaction() as tx:
            self._token = await lease.acquire(tx, schema=SCHEMA, name=self._name, holder=self._holder, ttl_s=TTL_S)
        self._renewed_at_s = asked_at_s
        return self._token is not None

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
