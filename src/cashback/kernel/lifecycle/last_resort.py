"""The last resort at the end of a process: a task that hangs is left behind in time, and the log says where it hung.

Every wait of ours is bounded, but libraries swallow cancellations, `asyncio` waits for the last task without a bound,
and bounds add up. What is cut off here is what kill -9 would cut off at any moment, and that loses nothing.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from cashback.kernel.telemetry import logger

ENDS_WITHIN_S: Final = 4.25
"""Orchestrators are told five seconds; the interpreter needs the rest."""

EXIT_CUT_OFF: Final = 1
THREAD_NAME: Final = "last resort"
_TOLD_WITHIN_S: Final = 0.25
"""The log may be what hangs."""
_FRAMES_MAX: Final = 8
_TASKS_MAX: Final = 50

log = logger(__name__)


class _End:
    """One end of one process: when it begins, and when it is over."""

    def __init__(self) -> None:
        """Wait for `begin`."""
        self.has_begun = threading.Event()
        self.is_over = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None


_end: ContextVar[_End | None] = ContextVar("end_of_process", default=None)


@contextmanager
def ended_in_time(*, within_s: float = ENDS_WITHIN_S, cut_off: Callable[[int], object] = os._exit) -> Iterator[None]:
    """Exit with `EXIT_CUT_OFF` when the block is not left within `within_s` of `begin` being called in it."""
    end = _End()
    token = _end.set(end)

    def watch() -> None:
        end.has_begun.wait()
        if not end.is_over.wait(within_s):
            telling = _thread(lambda: log.error("process.cut_off", within_s=within_s, hanging=_hanging(end.loop)))
            telling.join(_TOLD_WITHIN_S)
            cut_off(EXIT_CUT_OFF)

    _thread(watch)
    try:
        yield
    finally:
        _end.reset(token)
        end.is_over.set()
        end.has_begun.set()  # nothing ever began to end: let the thread go


def begin() -> None:
    """Let the time run, if there is a last resort; the loop that runs now is what it would leave behind."""
    end = _end.get()
    if end is not None:
        end.loop = asyncio.get_running_loop()
        end.has_begun.set()


def _thread(target: Callable[[], object]) -> threading.Thread:
    """Return a started thread that keeps no process alive."""
    thread = threading.Thread(target=target, name=THREAD_NAME, daemon=True)
    thread.start()
    return thread


def _hanging(loop: asyncio.AbstractEventLoop | None) -> dict[str, list[str]]:
    """Return where each unfinished task stands, by its name."""
    tasks = [] if loop is None else list(asyncio.all_tasks(loop))[:_TASKS_MAX]
    return {task.get_name(): _where(task.get_coro()) for task in tasks}


def _where(awaited: Any) -> list[str]:  # noqa: ANN401 - whatever can be awaited, and by which no type is promised
    """Return where a suspended coroutine stands, and where each one that it awaits does, outermost first."""
    places: list[str] = []
    while (frame := getattr(awaited, "cr_frame", None)) is not None and len(places) < _FRAMES_MAX:
        places.append(f"{frame.f_code.co_qualname} {frame.f_code.co_filename}:{frame.f_lineno}")
        awaited = awaited.cr_await
    return places
