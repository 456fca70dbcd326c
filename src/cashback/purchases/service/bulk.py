"""Many purchases under one idempotency key: the key stands for all of them, and each has one of its own (I7).

reserve the key, with the fingerprint of the whole ──▶ record each under a key made of it and its place
        └ known with another body ──▶ refused            └ known ──▶ its stored answer

The first is a transaction of its own, so a key never stands for two bulks however they are cut off. What was recorded
before that is answered again, and what was not is recorded: a repeat goes on where the first one ended.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.failpoints import reach
from cashback.purchases.model import (
    OPERATOR,
    STREAM_TO_COME,
    KeyBusy,
    NewBulk,
    NewPurchase,
    Outcome,
    Overloaded,
    Refused,
)
from cashback.purchases.rules import fingerprint
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.purchases import Purchases
from cashback.purchases.service.seats import Seats

SEATS_MAX: Final = 32
"""How many bulks and streams may be under way in a process: each holds a few MiB."""

SEATS_OF_ONE: Final = SEATS_MAX // 4
"""How many of them may be one party's: it may take minutes over each, and others want to sit as well."""

PARTS_AT_ONCE: Final = 2
"""How many parts of them are recorded at a time; the others wait, and have their callers wait."""

ROOM_AFTER_S: Final = (0.1, 0.2, 0.4, 0.8)
"""When a part is offered again while too many single purchases wait; after the last it is turned away."""


class BulkTaken(msgspec.Struct, frozen=True):
    """What a bulk's key is kept with: how many purchases it stands for, None when they were still to come."""

    purchases: int | None


class Bulks:
    """Records purchases by the hundred."""

    def __init__(self, purchases: Purchases, orders: Orders) -> None:
        """Record with `purchases`; have keys reserved by `orders`."""
        self._purchases = purchases
        self._orders = orders
        self._seats = Seats("bulks and streams")
        self._parts = asyncio.Semaphore(PARTS_AT_ONCE)

    async def record(self, purchases: Sequence[NewPurchase]) -> list[Outcome]:
        """Record purchases that came together under one owner and key, and return the outcome of each, in order.

        One that is refused harms no other, and is tried again when the bulk is repeated.

        Raises:
            Rejected: the key is no sound one, stands for something else, or is being answered right now.
            Overloaded: too many are waiting; some may have been recorded.
            DatabaseUnavailable: it is unknown which were recorded; the same call again finds out.
        """
        first = purchases[0]
        bulk = NewBulk(
            owner=first.owner,
            key=first.key,
            key_id=first.key_id,
            traceparent=first.traceparent,
            contents=_contents(purchases),
        )
        with self.seat(first.key_id if first.owner == OPERATOR else first.owner):
            await self._take(bulk, BulkTaken(len(purchases)))
            return await self.record_part([*enumerate(purchases)])

    def seat(self, party: str | None) -> AbstractContextManager[None]:
        """Have a bulk or a stream be one of few that are under way at a time, and of fewer that a party has.

        Raises:
            Overloaded: so many are.
        """
        return self._seats.taken(party, most=SEATS_MAX, of_one=SEATS_OF_ONE)

    async def open_stream(self, *, owner: str, key: str, key_id: str | None, traceparent: str | None) -> None:
        """Have a key stand for purchases that are still to come, a part at a time; opening it again changes nothing.

        Raises:
            Rejected: the key is no sound one, or stands for something else.
            DatabaseUnavailable: it is unknown whether it does; the same call again finds out.
        """
        stream = NewBulk(owner=owner, key=key, key_id=key_id, traceparent=traceparent, contents=STREAM_TO_COME)
        await self._take(stream, BulkTaken(None))

    async def record_part(self, part: Sequence[tuple[int, NewPurchase]]) -> list[Outcome]:
        """Record purchases of a bulk, each with its place in the whole, as `Purchases.record` does.

        Whoever records a single one waits for no more than two parts.

        Raises:
            KeyBusy: another process is at the same bulk.
            Overloaded: too many are waiting; some may have been recorded.
            DatabaseUnavailable: it is unknown which were recorded.
        """
        commands = [msgspec.structs.replace(purchase, key=key_of(purchase.key, place)) for place, purchase in part]
        async with self._parts:
            outcomes = await self._offered(commands)
        reach("part.recorded")
        for outcome in outcomes:
            # It is the first request under the key of the whole that is being answered.
            if isinstance(outcome, Refused) and isinstance(outcome.error, KeyBusy):
                raise outcome.error
        return outcomes

    async def _offered(self, commands: Sequence[NewPurchase]) -> list[Outcome]:
        """Record purchases, as many at a time as go into a batch, each time once there is room for them.

        Raises:
            Overloaded: there was no room for as long as `ROOM_AFTER_S` says together.
        """
        outcomes: list[Outcome] = []
        together = self._purchases.batch_max
        for start in range(0, len(commands), together):
            outcomes += await self._with_room(commands[start : start + together])
        return outcomes

    async def _with_room(self, commands: Sequence[NewPurchase]) -> list[Outcome]:
        """Record a batch of purchases as soon as there is room for it: nothing of it was recorded where there was none.

        Raises:
            Overloaded: as above.
        """
        for pause_s in ROOM_AFTER_S:
            try:
                return await self._purchases.record(commands)
            except Overloaded:
                await asyncio.sleep(pause_s)
        return await self._purchases.record(commands)

    async def _take(self, bulk: NewBulk, taken: BulkTaken) -> None:
        """Have a key stand for a bulk.

        Raises:
            Rejected: it cannot.
        """

        async def take(tx: Tx, now: datetime) -> BulkTaken:
            """Keep nothing beside the key."""
            del tx, now
            return taken

        outcome = await self._orders.do(bulk, take)
        if isinstance(outcome, Refused):
            raise outcome.error


def key_of(key: str, place: int) -> str:
    """Return the idempotency key of one purchase of a bulk: 64 characters, never those of another bulk or place.

    No key that a caller may choose has the separator in it.

    >>> key_of("monday", 0)[:8], len(key_of("x" * 255, 999))
    ('915c6a8b', 64)
    """
    return hashlib.sha256(f"{key}\x1f{place:04d}".encode()).hexdigest()


def _contents(purchases: Sequence[NewPurchase]) -> str:
    """Return what is equal for two bulks exactly when both ask for the same purchases in the same order."""
    prints = [
        fingerprint(msgspec.structs.replace(purchase, occurred_at=purchase.occurred_at.astimezone(UTC)))
        for purchase in purchases
    ]
    return hashlib.sha256(b"".join(prints)).hexdigest()
