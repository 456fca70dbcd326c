"""The halt switch: from then on nothing is signed or sent, while blocks are still followed."""

from typing import Final

from prometheus_client import Gauge

from cashback.chain.store import network
from cashback.kernel.db import Database
from cashback.kernel.telemetry import logger

log = logger(__name__)

HALTED: Final = Gauge("cashback_chain_halted", "1 while minting is halted.")


class Halting:
    """Halts minting and lifts the halt; both may be repeated."""

    def __init__(self, database: Database) -> None:
        """Act on the network of this database, for every process that serves it."""
        self._database = database

    async def halt(self, reason: str) -> None:
        """Halt minting for a stable `reason`; the first reason stays until the halt is lifted."""
        async with self._database.transaction() as tx:
            is_news = await network.halt(tx, reason)
        HALTED.set(1)
        if is_news:
            log.critical("minting.halted", reason=reason)

    async def resume(self, *, by: str, reason: str) -> bool:
        """Lift the halt on a person's word; return whether there was one."""
        async with self._database.transaction() as tx:
            is_news = await network.resume(tx)
        HALTED.set(0)
        if is_news:
            log.warning("minting.resumed", by=by, reason=reason)
        return is_news
