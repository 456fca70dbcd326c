"""A worker that has every partition, applies some events and hangs at the next: `python -m ... DSN URL COUNT`.

It says `taken` on standard output once it has applied one more than COUNT events of them and not committed that.
"""

import asyncio
import sys
from collections.abc import Sequence

from cashback.kernel.bus import Bus, Delivery
from cashback.kernel.db import Database, Tx
from tests.integration.backbone.loops import ordered
from tests.integration.backbone.world import apply


async def main(dsn: str, url: str, count: str) -> None:
    """Work until killed."""
    left = int(count)

    async def hang(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, and stay once that was the last."""
        nonlocal left
        await apply(tx, deliveries)
        left -= len(deliveries)
        if left < 0:
            sys.stdout.write("taken\n")
            sys.stdout.flush()
            await asyncio.Event().wait()

    async with Database.open(dsn, name="hanging") as database, Bus.connect(url, name="hanging") as bus:
        await ordered(database, bus, handler=hang, holder="dead", batch_max=2).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
