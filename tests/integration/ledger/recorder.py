"""A process of its own that records purchases: told what on its standard input, it answers on its standard output.

It says that it is ready, waits for a word to start, so that several start together, and then prints the answers.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from cashback.purchases.model import OPERATOR, NewPurchase, PurchaseAnswer
from tests.integration.ledger.world import Dsns, decoded, new_key, open_world

READY = b"ready\n"


class Orders(msgspec.Struct, frozen=True):
    """What one process records: a batch of all users at one merchant, in their order, so many times over."""

    superuser: str
    users: list[str]
    merchant: str
    first: datetime
    turns: int
    amount_minor: int = 10_000
    days: int = 3

    def batches(self) -> list[list[NewPurchase]]:
        """Return the batches, one day back with each turn, and from the first day again after so many."""
        return [
            [
                NewPurchase(
                    owner=OPERATOR,
                    key=new_key(),
                    merchant_id=self.merchant,
                    user_id=user,
                    amount_minor=self.amount_minor,
                    currency="USD",
                    occurred_at=self.first - timedelta(days=turn % self.days),
                )
                for user in self.users
            ]
            for turn in range(self.turns)
        ]


async def record_together(orders: Sequence[Orders]) -> list[PurchaseAnswer]:
    """Return what so many operating-system processes answered that began to record at the same word."""
    async with AsyncExitStack() as stack:
        children = [await stack.enter_async_context(_child(each)) for each in orders]
        for child in children:
            assert child.stdout is not None
            assert await child.stdout.readline() == READY
        ends = await asyncio.gather(*[child.communicate(b"go\n") for child in children])
    assert [child.returncode for child in children] == [0] * len(children)
    return [answer for out, _ in ends for answer in msgspec.json.decode(out, type=list[PurchaseAnswer])]


@asynccontextmanager
async def _child(orders: Orders) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a process that was told its orders; it is ended with the block, whatever happens in it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    try:
        child.stdin.write(msgspec.json.encode(orders) + b"\n")
        await child.stdin.drain()
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _record(orders: Orders) -> list[PurchaseAnswer]:
    """Record all batches one after the other, once the word to start was given."""
    answers: list[PurchaseAnswer] = []
    async with open_world(Dsns(orders.superuser)) as world:
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()
        await asyncio.to_thread(sys.stdin.buffer.readline)
        for batch in orders.batches():
            answers += [decoded(outcome, PurchaseAnswer) for outcome in await world.purchases.record(batch)]
    return answers


if __name__ == "__main__":
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_record(told))))
