"""Workers of a backtest: processes that take chunks from a pipe and hand prospects back, in order.

Each ends when its pipe ends, so none outlives the process that started it, however that one ended.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from cashback.kernel.errors import Broken
from cashback.ledger.model.backtests import BacktestInterrupted, Trial
from cashback.ledger.service.backtesting import Earner
from cashback.processes.backtesting.frames import HEAD_BYTES, framed, length_of


class Worker:
    """One process; it answers in the order in which it is asked."""

    def __init__(self, process: Process) -> None:
        """Talk to a process that was started with pipes."""
        if process.stdin is None or process.stdout is None:
            raise Broken("a worker was started without pipes")
        self._in, self._out = process.stdin, process.stdout
        self._turn = asyncio.Lock()

    async def tell(self, data: bytes) -> None:
        """Send a frame that is not answered.

        Raises:
            BacktestInterrupted: the process has ended.
        """
        try:
            self._in.write(framed(data))
            await self._in.drain()
        except ConnectionError as cause:
            raise BacktestInterrupted("a process that helped has ended") from cause

    async def earn(self, data: bytes) -> bytes:
        """Return the answer to a chunk.

        Raises:
            BacktestInterrupted: the process has ended.
        """
        async with self._turn:
            await self.tell(data)
            try:
                head = await self._out.readexactly(HEAD_BYTES)
                return await self._out.readexactly(length_of(head))
            except (asyncio.IncompleteReadError, ConnectionError) as cause:
                raise BacktestInterrupted("a process that helped has ended") from cause


@asynccontextmanager
async def _worker(trial: bytes) -> AsyncIterator[Worker]:
    """Yield a process that knows the rules, and end it."""
    # A session of its own: an interrupt at the keyboard reaches the one who started it, and ends it through the pipe.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cashback.processes.backtesting.worker", stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    try:
        worker = Worker(process)
        await worker.tell(trial)
        yield worker
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def open_pool(trial: Trial, *, workers: int) -> AsyncIterator[Sequence[Earner]]:
    """Yield so many workers that know the rules, and end them."""
    told = msgspec.msgpack.encode(trial)
    async with AsyncExitStack() as stack:
        yield [(await stack.enter_async_context(_worker(told))).earn for _ in range(workers)]
