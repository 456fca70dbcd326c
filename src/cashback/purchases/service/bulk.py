"""Many purchases under one idempotency key: the key stands for all of them, and each has one of its own (I7).

reserve the key, with the fingerprint of the whole ──▶ record each under a key made of it and its place
        └ known with another body ──▶ refused            └ known ──▶ its stored answer

The first is a transaction of its own, so a key never stands for two bulks however they are cut off. What was recorded
before that is answered again, and what was not is recorded: a repeat goes on where the first one ended.

One whose purchases another process is recording waits for the first of them whose key that holds, then tries the others
again; once its patience is over, which is one for all of its keys, the whole is busy.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final

import msgspec

from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Tx
from cashback.kernel.failpoints import reach
from cashback.kernel.seats import Seats
from cashback.purchases.model import OPERATOR, STREAM_TO_COME, NewBulk, NewPurchase, Outcome, Overloaded, Refused
from cashback.purchases.rules import fingerprint
from cashback.purchases.service.first_answers import is_busy
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.patience import PATIENT_S, Patience
from cashback.purchases.service.purchases import Purchases

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

    def __init__(self, purchases: Purchases, orders: Orders, *, patience_s: float = PATIENT_S) -> None:
        """Record with `purchases`; have keys reserved by `orders`, each request waiting so long for those held."""
        self._purchases = purchases
        self._orders = orders
        self._patience_s = patience_s
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
        patience = Patience(self._patience_s)
        with self.seat(first.key_id if first.owner == OPERATOR else first.owner):
            await self._take(bulk, BulkTaken(len(purchases)), patience)
            return await self.record_part([*enumerate(purchases)], patience)

    def seat(self, party: str | None) -> AbstractContextManager[None]:
        """Have a bulk or a stream be one of few that are under way at a time, and of fewer that a party has.

        Raises:
            Overloaded: so many are.
        """
        return self._seats.taken(party, most=SEATS_MAX, of_one=SEATS_OF_ONE)

    async def open_stream(self, *, owner: str, key: str, key_id: str | None, traceparent: str | None) -> Patience:
        """Have a key stand for purchases that are still to come, a part at a time; opening it again changes nothing.

        Returned is how long all of its parts together may wait for keys that another process holds.

        Raises:
            Rejected: the key is no sound one, or stands for something else.
            DatabaseUnavailable: it is unknown whether it does; the same call again finds out.
        """
        stream = NewBulk(owner=owner, key=key, key_id=key_id, traceparent=traceparent, contents=STREAM_TO_COME)
        patience = Patience(self._patience_s)
        await self._take(stream, BulkTaken(None), patience)
        return patience

    async def record_part(self, part: Sequence[tuple[int, NewPurchase]], patience: Patience) -> list[Outcome]:
        """Record purchases of a bulk, each with its place in the whole, as `Purchases.record` does.

        Whoever records a single one waits for no more than two batches of parts.

        Raises:
            KeyBusy: another process is at the same bulk.
            Overloaded: too many are waiting; some may have been recorded.
            DatabaseUnavailable: it is unknown which were recorded.
        """
        commands = [msgspec.structs.replace(purchase, key=key_of(purchase.key, place)) for place, purchase in part]
        outcomes: list[Outcome] = []
        together = self._purchases.batch_max
        for start in range(0, len(commands), together):
            outcomes += await self._batch(commands[start : start + together], patience)
        reach("part.recorded")
        return outcomes

    async def _batch(self, commands: Sequence[NewPurchase], patience: Patience) -> list[Outcome]:
        """Record as many purchases as go into a batch, waiting for keys that another process holds.

        Raises:
            KeyBusy, Overloaded: as above.
        """
        outcomes: dict[int, Outcome] = {}
        left = [*range(len(commands))]
        while left:
            held = next((place for place in left if self._purchases.is_awaited(commands[place])), None)
            if held is None:
                prompt = await self._promptly([commands[place] for place in left], patience)
                outcomes.update(zip(left, prompt, strict=True))
                left = [place for place in left if is_busy(outcomes[place])]
                held = left[0] if left else None
            if held is not None:
                # The others are tried together once this one is answered: most likely one transaction has them all.
                outcomes[held] = outcome = await self._purchases.record_late(commands[held], patience)
                if isinstance(outcome, Refused) and is_busy(outcome):
                    # It is the first request under the key of the whole that is being answered.
                    raise outcome.error
                left.remove(held)
        return [outcomes[place] for place in range(len(commands))]

    async def _promptly(self, commands: Sequence[NewPurchase], patience: Patience) -> list[Outcome]:
        """Record a batch of purchases as soon as there is room for it: nothing of it was recorded where there was none.

        Finding out that keys are held takes from the patience as well.

        Raises:
            Overloaded: there was no room for as long as `ROOM_AFTER_S` says together.
        """
        async with self._parts:
            begun_s = monotonic_s()
            outcomes = await self._with_room(commands)
            if any(map(is_busy, outcomes)):
                patience.spend_since(begun_s)
            return outcomes

    async def _with_room(self, commands: Sequence[NewPurchase]) -> list[Outcome]:
        """Record a batch of purchases, and where there is no room for it, pause and try again."""
        for pause_s in ROOM_AFTER_S:
            try:
                return await self._purchases.record_promptly(commands)
            except Overloaded:
                await asyncio.sleep(pause_s)
        return await self._purchases.record_promptly(commands)

    async def _take(self, bulk: NewBulk, taken: BulkTaken, patience: Patience) -> None:
        """Have a key stand for a bulk.

        Raises:
            Rejected: it cannot.
        """

        async def take(tx: Tx, now: datetime) -> BulkTaken:
            """Keep nothing beside the key."""
            del tx, now
            return taken

        with patience.spent():
            outcome = await self._orders.do(bulk, take, patience_ms=patience.left_ms)
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
