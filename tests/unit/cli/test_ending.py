"""Being told to end: noted at once, raised nowhere, and meant as whatever is under way means it."""

import asyncio
import os
import signal
import threading

import click
import pytest

from cashback.cli.ending import SIGNALS, Ending


def tell(number: signal.Signals = signal.SIGTERM) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_raises_nothing(number: signal.Signals) -> None:
    """It may come at any line, and the line after it is reached."""
    with Ending.awaited() as ending:
        tell(number)
        assert ending.wait(5)
        assert ending.is_told
        with pytest.raises(click.Abort):
            ending.check()


def test_afterwards_signals_are_what_they_were() -> None:
    """A test runner or a shell goes on as before."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with Ending.awaited():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_signal_means_what_is_under_way_and_no_longer_what_was() -> None:
    """Each reaction stands for as long as its block."""
    seen: list[str] = []
    with Ending.awaited() as ending:
        with ending.means(lambda: seen.append("starting")):
            tell()
            assert ending.wait(5)
        tell()
        assert seen == ["starting"]


def test_what_begins_after_a_signal_is_told_at_once() -> None:
    """Between two steps there is no moment in which a signal is lost."""
    seen: list[str] = []
    with Ending.awaited() as ending:
        tell()
        assert ending.wait(5)
        with ending.means(lambda: seen.append("late")):
            assert seen == ["late"]


def test_a_signal_cancels_what_runs_and_its_cleaning_up_is_done() -> None:
    """Asynchronous work ends where it awaits, in order."""
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            asyncio.get_running_loop().call_soon(tell)
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(cleaned.append, True)  # the list is one of booleans

    with Ending.awaited() as ending:
        with pytest.raises(click.Abort):
            ending.run(work())
        assert cleaned == [True]
        with pytest.raises(click.Abort):
            ending.run(work())
        assert cleaned == [True]  # it was not even begun


def test_work_that_nobody_interrupts_gives_its_result() -> None:
    """And its failures, unchanged."""

    async def succeed() -> str:
        return "done"

    async def fail() -> None:
        raise LookupError

    with Ending.awaited() as ending:
        assert ending.run(succeed()) == "done"
        with pytest.raises(LookupError):
            ending.run(fail())


def test_waiting_is_bounded_and_ended_from_any_thread() -> None:
    """The main thread looks around between two waits."""
    with Ending.awaited() as ending:
        assert not ending.wait(0.01)
        threading.Timer(0.05, tell).start()
        assert ending.wait(20)
