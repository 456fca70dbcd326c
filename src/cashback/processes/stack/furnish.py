"""What each fresh server is given before a process of ours may start: schemas and a key, streams, contracts.

The module is a second of imports, so the stack loads it while the servers start.
"""

import asyncio

from cashback.kernel.bus import Bus
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.principal import Rate, Scope
from cashback.processes import contracts, migrate
from cashback.processes.embedded import CHAIN_ID, EmbeddedAnvil
from cashback.processes.stack.keeping import Kept
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC
from cashback.purchases.service import ApiKeys

_MINE_EVERY_S = 0.05
_OPERATOR_KEY = "operator_api_key"
_RATE = Rate(per_s=100_000, burst=100_000)
"""Whoever tries things out asks as fast as they are answered."""


def databases(settings: migrate.Settings, *, api_dsn: str, pepper: Secret, kept: Kept) -> Secret:
    """Bring every schema to its head, and return an operator's API key: the one that is kept, as long as it opens."""
    migrate.migrate(settings)
    return asyncio.run(_operator_key(api_dsn, pepper, kept))


def streams(nats_url: str) -> None:
    """Declare the streams; repeatable."""
    asyncio.run(_streams(nats_url))


def chain(anvil: EmbeddedAnvil) -> contracts.Deployed:
    """Return the contracts, deployed now or found: repeatable."""
    return asyncio.run(_contracts(anvil))


async def _operator_key(dsn: str, pepper: Secret, kept: Kept) -> Secret:
    """Return the kept key, or make one and keep it."""
    async with Database.open(dsn, name="cashback dev", connections_max=1) as database:
        keys = ApiKeys(database, pepper=pepper, clock=SystemClock())
        known = kept.found(_OPERATOR_KEY)
        # It may have been revoked.
        if known is not None and await keys.authenticate(known.value) is not None:
            return known
        _, secret = await keys.create(scope=Scope.OPERATOR, label="made by cashback dev", rate=_RATE)
    kept.keep(_OPERATOR_KEY, secret)
    return secret


async def _streams(url: str) -> None:
    """Declare the streams."""
    async with Bus.connect(url, name="cashback dev") as bus:
        await bus.wait_connected()
        await bus.apply_streams()


async def _contracts(anvil: EmbeddedAnvil) -> contracts.Deployed:
    """Deploy while blocks are mined as soon as they have something to hold."""
    settings = contracts.Settings(rpc_urls=(anvil.url,), chain_id=CHAIN_ID, key_mnemonic=Secret(DEVELOPMENT_MNEMONIC))
    deploying = asyncio.create_task(contracts.deploy(settings))
    while not (await asyncio.wait({deploying}, timeout=_MINE_EVERY_S))[0]:
        await asyncio.to_thread(anvil.mine_pending)
    return deploying.result()
