"""A submitter on its own, to be killed: `python -m ... DSN PORT`, with the port of an adapter on this machine."""

import asyncio
import sys

from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.minting import Submitter
from cashback.minting.gateway import Adapter


async def main(dsn: str, port: str) -> None:
    """Submit what is due until killed."""
    async with Database.open(dsn, name="submitting") as database, Adapter.connect("127.0.0.1", int(port)) as adapter:
        await Submitter(database, adapter, SystemClock(), holder="mortal").run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
