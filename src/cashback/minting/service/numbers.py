"""Telling the adapter the highest number that was ever requested here, so that the ledger can be held against it.

A ledger that was restored from a backup gives out nothing before it has heard, by way of the adapter, what minting
knows; so this goes on while minting is halted, and any number of processes may do it.
"""

import asyncio
from typing import Final

from cashback.kernel.db import Database
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.telemetry import logger
from cashback.minting.gateway import Adapter
from cashback.minting.service.readings import Readings

TELL_EVERY_S: Final = 1.0

log = logger(__name__)


class NumberTeller:
    """The loop that tells."""

    def __init__(self, database: Database, adapter: Adapter) -> None:
        """Tell `adapter` what `database` knows."""
        self._readings = Readings(database)
        self._adapter = adapter
        self._is_told = True

    async def run(self, stop: asyncio.Event) -> None:
        """Tell every second until `stop` is set; what fails is told a second later."""
        while not stop.is_set():
            await until_stopped(self._tell(), stop)
            await pause(stop, TELL_EVERY_S)

    async def _tell(self) -> None:
        """Tell once; the first failure in a row is said."""
        try:
            await self._adapter.tell_number(await self._readings.highest_number())
        except (Unavailable, Rejected) as cause:
            if self._is_told:
                log.warning("number.untold", code=cause.code, reason=cause.detail)
            self._is_told = False
        else:
            self._is_told = True
