"""Group commit: whoever waits while a commit runs forms the next batch, as databases do with their log.

submit ──▶ waiting (bounded) ──▶ batch (bounded) ──▶ commit ──▶ each caller its own result
             ▲                      │ at most `in_flight_max` at a time; an idle committer starts at once
             └──────────────────────┘
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Final, Generic, TypeVar

import msgspec
from prometheus_client import Counter, Gauge, Histogram

from cashback.kernel.errors import Broken, CashbackError, Unavailable
from cashback.kernel.telemetry import logger
from cashback.purchases.model import Overloaded

BATCH_SIZE: Final = Histogram(
    "cashback_purchases_batch_size",
    "Purchases that were committed together.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
WAITING: Final = Gauge("cashback_purchases_waiting", "Purchases that wait for the next batch.")
OVERLOADED: Final = Counter("cashback_purchases_overloaded_total", "Purchases turned away because too many waited.")

CLOSE_WITHIN_S: Final = 0.5
"""How long closing waits for batches under way, and then for those that it cancelled: whoever asks has left already."""

T = TypeVar("T")
R = TypeVar("R")
log = logger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done together, how much may wait, and how many batches are under way at a time.

    A batch is started beside another one only when it would have at least `overlap_min` items: a batch costs as much as
    a dozen items, so small ones are cheaper together (ADR 0088 has the rates with 12 to 100).
    """

    batch_max: int = 500
    waiting_max: int = 5_000
    in_flight_max: int = 2
    overlap_min: int = 24


class GroupCommitter(Generic[T, R]):
    """Collects single items into batches without ever waiting for more of them."""

    def __init__(self, commit: Callable[[Sequence[T]], Awaitable[Sequence[R | CashbackError]]], limits: Limits) -> None:
        """Commit with `commit`, which returns a result or a failure for each item, in order."""
        self._commit = commit
        self._limits = limits
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._is_closed = False
        WAITING.set_function(lambda: len(self._waiting))
        # That of whoever made us, the process: what a batch logs is nobody's request in particular.
        self._context = copy_context()

    async def submit(self, items: Sequence[T]) -> list[R]:
        """Return a result for each item once it is durable.

        A caller that is cancelled while its item is under way does not stop it, nor its neighbours; one whose item
        still waits takes it back.

        Raises:
            Overloaded: too many are waiting, or the process is ending.
            CashbackError: the failure of one of the items; the others may have been done.
        """
        if self._is_closed or len(self._waiting) + len(items) > self._limits.waiting_max:
            OVERLOADED.inc(len(items))
            raise Overloaded("too many purchases are waiting; try again shortly")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[R]] = [loop.create_future() for _ in items]
        self._waiting.extend(zip(items, futures, strict=True))
        if self._may_start():
            # Not at once but in the next turn of the loop: whoever submits in this turn shares the commit, at no delay.
            # Otherwise the batch under way starts the next one as it ends.
            loop.call_soon(self._start)
        if len(futures) == 1:
            # Each request has one, and would be woken a turn of the loop later by what gathers several.
            return [await futures[0]]
        return list(await asyncio.gather(*futures))

    async def close(self, *, within_s: float = CLOSE_WITHIN_S) -> None:
        """Turn newcomers away and return when every item that waits or is under way has its result.

        After `within_s` seconds what is still under way is cancelled, and every caller left is told `Unavailable`: it
        is unknown whether the item was stored, and the same request again finds out. Takes at most twice as long.
        """
        self._is_closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._waiting or self._running:
                    self._start()
                    await asyncio.wait(set(self._running))
                return
        left, late = list(self._waiting), set(self._running)
        self._waiting.clear()
        _hand_out(left, [Unavailable("the process ended first; ask again under the same key")] * len(left))
        log.warning("batches.cancelled", batches=len(late), left=len(left))
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=within_s)

    def _start(self) -> None:
        """Start as many batches as may be under way."""
        while self._may_start():
            task = asyncio.get_running_loop().create_task(self._run(self._take()), context=self._context.copy())
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _may_start(self) -> bool:
        """Tell whether there is something to commit, and room for another batch."""
        if not self._running:
            return bool(self._waiting)
        has_room = len(self._running) < self._limits.in_flight_max
        return has_room and len(self._waiting) >= self._limits.overlap_min

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        """Take the next batch off the queue, leaving out whoever has gone away meanwhile."""
        batch: list[tuple[T, asyncio.Future[R]]] = []
        while self._waiting and len(batch) < self._limits.batch_max:
            item, future = self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Make room for the next batch."""
        self._running.discard(task)
        self._start()

    async def _run(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        """Commit one batch and hand out the results."""
        if not batch:
            return
        BATCH_SIZE.observe(len(batch))
        results: Sequence[R | CashbackError]
        try:
            results = await self._commit([item for item, _ in batch])
        except asyncio.CancelledError:
            _hand_out(batch, [Unavailable("the process ended on the way; ask again under the same key")] * len(batch))
            raise
        except Exception as error:  # the committer outlives a batch that broke
            log.exception("batch.broke", size=len(batch))
            broken = Broken("recording broke")
            broken.__cause__ = error
            results = [broken] * len(batch)
        _hand_out(batch, results)


def _hand_out(batch: Sequence[tuple[T, asyncio.Future[R]]], results: Sequence[R | CashbackError]) -> None:
    """Give each caller its result, unless it has gone."""
    for (_, future), result in zip(batch, results, strict=True):
        if future.done():
            continue
        if isinstance(result, CashbackError):
            future.set_exception(result)
        else:
            future.set_result(result)
