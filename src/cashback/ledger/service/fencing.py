"""The fence before the mint numbers: none is drawn before the ledger is known to be no older than what was minted.

    down ──what do adapter and minting know?──▶ no more than the ledger ──▶ up, for as long as this server lives
     ▲                                      └─▶ more: minting halts, `ledger_behind`, until `recover_ledger` listed it
     └── restart, failover, restore: another incarnation of the database

The others are asked first and the ledger is read last: what they know was committed here before they could know it.
The comparison is with numbers on record, not with the sequence, which a crash moves on and a rollback does not move
back. Requests wait meanwhile; nothing else does.
"""

import asyncio
from typing import Final

from prometheus_client import Gauge

from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.telemetry import logger
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import LedgerBehind, NumbersFenced
from cashback.ledger.store import fence

LOOK_EVERY_S: Final = 0.5

IS_OPEN: Final = Gauge("cashback_ledger_number_fence_open", "1 while mint numbers may be given out.")

log = logger(__name__)


async def check_fence(tx: Tx) -> None:
    """Return when numbers may be drawn in `tx`.

    Raises:
        NumbersFenced: not yet, or not any more.
    """
    if not await fence.is_open(tx):
        raise NumbersFenced("no mint number is given out before the ledger was compared with what minting knows")


class Fencing:
    """Opens the fence when it may be; any number of these may run beside each other."""

    def __init__(self, database: Database, adapter: Adapter) -> None:
        """Compare the ledger in `database` with what `adapter` tells."""
        self._database = database
        self._adapter = adapter
        self._down_since_s: float | None = None
        self._behind: LedgerBehind | None = None
        self._waits_for = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Look twice a second until `stop` is set; what cannot be asked now is asked again."""
        while not stop.is_set():
            await until_stopped(self._look(), stop)
            await pause(stop, LOOK_EVERY_S)

    async def _look(self) -> None:
        """Take a turn; what it waits for is said once."""
        try:
            await self.turn()
        except Unavailable as cause:
            if cause.code != self._waits_for:
                log.info("numbers.waited", code=cause.code, reason=cause.detail)
            self._waits_for = cause.code
        else:
            self._waits_for = ""

    async def turn(self) -> bool:
        """Compare if the fence is down, and return whether it is up now.

        Raises:
            Unavailable: database or adapter did not answer, or minting has not told yet; the fence stays as it is.
        """
        async with self._database.transaction() as tx:
            is_open = await fence.is_open(tx)
        IS_OPEN.set(is_open)
        if is_open:
            self._down_since_s, self._behind = None, None
            return True
        if self._down_since_s is None:
            self._down_since_s = monotonic_s()
            log.warning("numbers.fenced")
        return await self._compare(self._down_since_s)

    async def check(self) -> None:
        """Return when numbers are given out.

        Raises:
            LedgerBehind: the ledger is older than what was minted; a person must look.
            NumbersFenced: it was not compared yet.
        """
        async with self._database.transaction() as tx:
            if await fence.is_open(tx):
                return
        raise self._behind or NumbersFenced("mint numbers wait for adapter and mint worker to tell what they know")

    async def _compare(self, down_since_s: float) -> bool:
        """Open the fence unless the others know more than the ledger; return whether it is up now."""
        asked_at_s = monotonic_s()
        status = await self._adapter.status()
        told_ms_ago = status.minting_told_ms_ago
        if told_ms_ago is None or told_ms_ago > (asked_at_s - down_since_s) * 1_000:
            raise NumbersFenced("the mint worker has not told the adapter yet which numbers it knows")
        async with self._database.transaction() as tx:
            ours = await fence.accounted_to(tx)
            if status.known_number <= ours:
                await fence.open_up(tx)
        if status.known_number <= ours:
            IS_OPEN.set(1)
            log.info("numbers.compared", given_out=ours, known=status.known_number)
            return True
        if self._behind is None:
            log.critical("ledger.behind", given_out=ours, known=status.known_number)
        self._behind = LedgerBehind(
            f"the ledger knows numbers up to {ours}, and {status.known_number} was minted or is to be:"
            " its database is older (docs/runbooks/restore.md)"
        )
        await self._adapter.tell_number(ours)
        return False
