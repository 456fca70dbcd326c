"""Balances that could not be recomputed because the database was away are recomputed soon after it is back."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.ledger.service import Fence, Leased, Recomputer
from cashback.ledger.service.trial import LEASE
from cashback.processes.ledger_worker import LOOK_AT_CLOCK_EVERY_S
from tests.integration.chain.forwarder import Forwarder
from tests.integration.ledger.sealing import minted
from tests.integration.ledger.world import World
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovers

pytestmark = pytest.mark.deep


async def test_what_was_not_recomputed_when_the_database_was_lost_is_soon_after_it_is_back(world: World) -> None:
    """The loop looks as often as in the ledger worker; the night's run is there within the bound for a database."""
    await minted(world)
    dsn = world.dsns.of("cashback_ledger")
    lost = asyncio.Event()
    async with AsyncExitStack() as stack:
        ways = await stack.enter_async_context(Forwarder.before(int(str(conninfo_to_dict(dsn)["port"]))))
        far = make_conninfo(dsn, host="127.0.0.1", port=str(ways.port))
        database = await stack.enter_async_context(Database.open(far, name="cashback_ledger"))
        recomputer = Recomputer(database, clock=world.clock, by="night")

        async def turn(fence: Fence) -> bool:
            """Lose the database the first time."""
            if lost.is_set():
                return await recomputer.turn(fence)
            ways.is_open = False
            ways.cut()
            try:
                return await recomputer.turn(fence)
            except Unavailable:
                lost.set()
                raise

        loop = Leased(database, name=LEASE, holder="night", every_s=LOOK_AT_CLOCK_EVERY_S, turn=turn)
        stop = asyncio.Event()
        running = asyncio.create_task(loop.run(stop))
        await lost.wait()
        ways.is_open = True

        async def is_recomputed() -> bool:
            """Tell whether the run of the night is recorded."""
            return bool(await world.one("select count(*) from ledger.recomputations"))

        try:
            await recovers(is_recomputed, within_s=RECOVERS_SERVER_WITHIN_S, what="the balances are recomputed")
        finally:
            stop.set()
            await running
