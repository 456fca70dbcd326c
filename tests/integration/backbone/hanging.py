"""A worker that takes what there is and never comes to an end with it: `python -m ... DSN URL`, to be killed.

It says `taken` on standard output once it has applied an event and not committed.
"""

import asyncio
import sys
from collections.abc import Sequence

from cashback.kernel.bus import Bus, Delivery
from cashback.kernel.db import Database, Tx
from tests.integration.backbone.loops import consumer
from tests.integration.backbone.world import apply


async def hang(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Apply, say so, and stay."""
    await apply(tx, deliveries)
    sys.stdout.write("taken\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(dsn: str, url: str) -> None:
    """Work until killed."""
    async with Database.open(dsn, name="hanging") as database, Bus.connect(url, name="hanging") as bus:
        await consumer(database, bus, handler=hang, batch_max=1).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
