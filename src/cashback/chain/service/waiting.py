"""A lane that waits: noted for whoever asks, and said once."""

from typing import Final

from cashback.chain.model import Lane
from cashback.chain.rules import fees
from cashback.chain.store import lanes, taking
from cashback.kernel.db import Database
from cashback.kernel.telemetry import logger

LOOK_AGAIN_S: Final = 0.5

log = logger(__name__)


async def wait_for(database: Database, lane: Lane, waits: fees.Waits, *, problem: str = "") -> float:
    """Note and say once what the lane waits for, and why; return in how many seconds to look again.

    What it had announced to take is left to the others.
    """
    async with database.transaction() as tx:
        await taking.withdraw(tx, lane=lane.id)
        is_news = await lanes.wait_for(tx, lane=lane.id, reason=waits.reason)
    if is_news:
        log.warning("lane.waited", lane=lane.id, reason=waits.reason, **({"problem": problem} if problem else {}))
    return LOOK_AGAIN_S
