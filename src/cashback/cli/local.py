"""The whole system as the child of one command, from its first process to the last one's end."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cashback.cli.ending import Ending
from cashback.cli.output import say
from cashback.kernel.config import environment, load
from cashback.kernel.errors import Unavailable
from cashback.kernel.telemetry.settings import TraceSettings
from cashback.processes.stack import Stack, sole_use


@contextmanager
def whole_system(
    ending: Ending,
    *,
    folder: Path | None = None,
    block_time_s: float = 1,
    furnished: Callable[[Stack], None] = lambda _: None,
) -> Iterator[Stack]:
    """Yield the running system, telling each step; nothing of it is left when the block ends, however it ends.

    `furnished` is given it once its operator's settings are known, and before a process of ours is started.
    Without a `folder` all data live in a temporary one and go with it, so nothing waits for a disk to have them.

    Raises:
        FolderInUse: another system runs in that folder; it is left alone.
        click.Abort: `ending` was told before it was up.
        Unavailable: something could not be started; the detail says what and why.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cashback-", ignore_cleanup_errors=True) as scratch,
        sole_use(folder or Path(scratch)),
    ):
        shared = _traces()
        anvil = _anvil(ending)
        place = folder or Path(scratch)
        stack = Stack(place, anvil=anvil, block_time_s=block_time_s, durable=folder is not None, shared=shared)
        try:
            _start(stack, ending, lambda: furnished(stack))
            yield stack
        finally:
            say("stopping everything")
            stack.stop()


def _traces() -> dict[str, str]:
    """Return the variables by which every process sends its traces where this command was told to.

    Raises:
        SettingsInvalid: that is no place.
    """
    told = load(TraceSettings)
    return {"CASHBACK_OTLP_ENDPOINT": told.otlp_endpoint, "CASHBACK_TRACE_RATIO": str(told.trace_ratio)}


def _anvil(ending: Ending) -> Path:
    """Return the development chain's program, which may have to be fetched first."""
    from cashback.processes.embedded import find_anvil

    say("finding anvil, the development chain; where there is none it is fetched, once")
    # Fetching it takes a while, and has nothing to lose but a temporary folder: the one place where a signal may raise.
    with ending.means(ending.check):
        return find_anvil(environment())


def _start(stack: Stack, ending: Ending, furnished: Callable[[], None]) -> None:
    """Start the stack, or leave nothing of it."""
    with ending.means(stack.abandon):
        try:
            stack.start(say, furnished=furnished)
        except Unavailable as failure:
            if ending.is_told:
                raise click.Abort from failure
            raise
    ending.check()
