"""Watches what each signer has for gas, and says once when that gets low, critical, or enough again.

It stops nothing: an adapter whose gas money is low is as ready as before, and a person has time to send some.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from prometheus_client import Gauge

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Address
from cashback.chain.rules.gas_money import GasLimits, Level, batches_left, level
from cashback.chain.store import lanes
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.telemetry import logger

LOOK_EVERY_S: Final = 15.0
LOOK_FIRST_S: Final = 1.0
"""How often it is looked whether there is a signer at all: an adapter opens its lane when it can."""
GRACE_S: Final = 0.5

MONEY: Final = Gauge("cashback_chain_gas_money_wei", "What a signer has for gas.", ["signer"])
BATCHES: Final = Gauge("cashback_chain_gas_money_batches", "Batches it pays for at the fee cap.", ["signer"])
LEVEL: Final = Gauge("cashback_chain_gas_money_level", "0 enough, 1 low, 2 critical.", ["signer"])
_LEVELS: Final[Mapping[Level, int]] = {"enough": 0, "low": 1, "critical": 2}

log = logger(__name__)


class GasMoney:
    """The loop that looks at every signer's gas money."""

    def __init__(self, database: Database, *, source: Blocks, limits: GasLimits) -> None:
        """Look at the signers of this database's lanes."""
        self._database = database
        self._source = source
        self._limits = limits
        self._levels: dict[Address, Level] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set, whatever the world does."""
        while not stop.is_set():
            try:
                await until_stopped(self.look(), stop, grace_s=GRACE_S)
            except Unavailable as failure:
                log.info("gas_money.unseen", problem=failure.detail)
            await pause(stop, LOOK_EVERY_S if self._levels else LOOK_FIRST_S)

    async def look(self) -> None:
        """Look at every signer once, and say what has changed since the last time.

        Raises:
            ChainUnavailable, DatabaseUnavailable: what was not seen keeps its level.
        """
        async with self._database.transaction() as tx:
            signers = [lane.address for lane in await lanes.lanes(tx)]
        for signer in signers:
            self._tell(signer, await self._source.gas_money_wei(signer))

    def _tell(self, signer: Address, gas_money_wei: int) -> None:
        """Set the metrics of one signer, and log a level that is another than before; at first `enough` is no news."""
        name = f"0x{signer.hex()}"
        now, batches = level(gas_money_wei, self._limits), batches_left(gas_money_wei, self._limits)
        MONEY.labels(name).set(gas_money_wei)
        BATCHES.labels(name).set(batches)
        LEVEL.labels(name).set(_LEVELS[now])
        before, self._levels[signer] = self._levels.get(signer, "enough"), now
        if now == before:
            return
        tell = {"enough": log.info, "low": log.warning, "critical": log.critical}[now]
        tell(f"gas_money.became_{now}", signer=name, gas_money_wei=gas_money_wei, batches=batches)
