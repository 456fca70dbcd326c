"""Running a process's tasks until a signal or a failure ends them all."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.lifecycle import heap, last_resort
from cashback.kernel.telemetry import logger

Task: TypeAlias = Callable[[asyncio.Event], Awaitable[None]]
"""A coroutine function that runs until the event it is given is set, and then returns soon."""

GRACE_S: Final = 2.5
"""How long tasks may go on after a signal; orchestrators are told five seconds."""

CANCELLED_S: Final = 0.5
"""How long a cancelled task may take to end; then the process ends without it."""

log = logger(__name__)


async def run_until_stopped(tasks: Mapping[str, Task]) -> None:
    """Run every task; return when a signal has ended them, raise the first failure when one broke.

    A task that returns by itself before the signal counts as a failure: a worker without its loop is not alive.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = {asyncio.create_task(_until_stop(name, task, stop), name=name) for name, task in tasks.items()}
    heap.settle()
    log.info("process.started", tasks=sorted(tasks))
    try:
        await _wait_for_end(running, stop)
    finally:
        await _end(running, stop)
    log.info("process.stopped")


async def _until_stop(name: str, task: Task, stop: asyncio.Event) -> None:
    """Run one task and treat an early return as the failure it is."""
    await task(stop)
    if not stop.is_set():
        raise RuntimeError(f"task {name} returned although nobody stopped it")


async def _wait_for_end(running: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Return when the stop signal came; raise as soon as a task fails."""
    signalled = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({signalled, *running}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {signalled}:
            task.result()
    finally:
        signalled.cancel()


async def _end(running: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Let the tasks finish their batch, cancel what has not after the grace, and log what failed on the way."""
    last_resort.begin()
    stop.set()
    _, late = await asyncio.wait(running, timeout=GRACE_S)
    for task in late:
        log.warning("task.cancelled", task=task.get_name(), grace_s=GRACE_S)
        task.cancel()
    ended, stuck = await asyncio.wait(running, timeout=CANCELLED_S)
    for task in stuck:
        log.error("task.left_behind", task=task.get_name())
    for task in ended:
        if task.cancelled() or (failure := task.exception()) is None:
            continue
        if isinstance(
            failure, Rejected | Unavailable
        ):  # its sentence says what is wrong, where a trace tells only who found it
            log.error("task.failed", task=task.get_name(), code=failure.code, problem=failure.detail)
        else:
            log.error("task.failed", exc_info=failure)
