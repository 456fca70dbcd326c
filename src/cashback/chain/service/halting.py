"""The halt switch: from then on nothing is signed or sent, while blocks are still followed."""

from typing import Final

from prometheus_client import Gauge

from cashback.chain.model import MintingHalted
from cashback.chain.store import network
from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger

log = logger(__name__)

HALTED: Final = Gauge("cashback_chain_halted", "1 while minting is halted.")


async def halt(tx: Tx, reason: str) -> None:
    """Halt minting with `tx`, for a stable `reason`, and say so; the first reason stays until the halt is lifted."""
    is_news = await network.halt(tx, reason)
    HALTED.set(1)
    if is_news:
        log.critical("minting.halted", reason=reason)


class Halting:
    """Halts minting, tells whether it is halted, and lifts the halt; all may be repeated."""

    def __init__(self, database: Database) -> None:
        """Act on the network of this database, for every process that serves it."""
        self._database = database

    async def halt(self, reason: str) -> None:
        """Halt minting for a stable `reason`, in a transaction of its own."""
        async with self._database.transaction() as tx:
            await halt(tx, reason)

    async def look(self) -> str | None:
        """Return why minting is halted, None when it is not, and have the metric say the same.

        Whoever halted it, or lifted that: another process, or a person with SQL.
        """
        async with self._database.transaction() as tx:
            reason = (await network.network(tx)).halted_reason
        HALTED.set(reason is not None)
        return reason

    async def check(self) -> None:
        """Return when nothing is halted.

        Raises:
            MintingHalted: a person must look.
        """
        reason = await self.look()
        if reason is not None:
            raise MintingHalted(f"minting is halted: {reason}")

    async def resume(self, *, by: str, reason: str) -> bool:
        """Lift the halt on a person's word; return whether there was one."""
        async with self._database.transaction() as tx:
            is_news = await network.resume(tx)
        HALTED.set(0)
        if is_news:
            log.warning("minting.resumed", by=by, reason=reason)
        return is_news
