"""The last resort at the end of a process: it strikes what hangs, and nothing else, and says what it struck."""

import asyncio
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

from cashback.kernel.lifecycle import ended_in_time
from cashback.kernel.lifecycle.last_resort import EXIT_CUT_OFF, THREAD_NAME, begin

STUBBORN: Final = """
import asyncio
import sys
import types
from contextlib import suppress

import msgspec

from cashback.cli.run import _start
from cashback.kernel.lifecycle import run_until_stopped

async def swallow_every_cancellation(stop):
    print("begun", flush=True)
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()

stubborn = types.ModuleType("stubborn")
stubborn.Settings = msgspec.defstruct("Settings", [], frozen=True, kw_only=True)
stubborn.run = lambda settings: run_until_stopped({"stubborn": swallow_every_cancellation})
sys.modules["cashback.processes.stubborn"] = stubborn
_start("stubborn", process="stubborn", level=None)
"""
"""A process of ours whose only task never ends: the event loop would wait for it for ever."""


def test_a_process_with_a_task_that_swallows_cancellations_ends_in_time_and_says_where_it_hung() -> None:
    """After SIGTERM, as an orchestrator sends it."""
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == EXIT_CUT_OFF
    assert "process.cut_off" in said
    assert "swallow_every_cancellation" in said


async def test_a_block_that_is_left_in_time_is_not_cut_off() -> None:
    """Whether its end had begun or not; nor is one that goes on for long before it begins to end."""
    struck: list[int] = []
    for ends in (True, False):
        with ended_in_time(within_s=60, cut_off=struck.append):
            if ends:
                begin()
    await _gone()
    assert struck == []


async def test_a_block_that_hangs_after_its_end_began_is_cut_off_once() -> None:
    """Not before: what runs for long is alive."""
    struck: list[int] = []
    hit = threading.Event()

    def cut_off(code: int) -> None:
        """Note that it struck, instead of ending this process."""
        struck.append(code)
        hit.set()

    with ended_in_time(within_s=0.05, cut_off=cut_off):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.get_running_loop().create_future()
        assert struck == []
        begin()
        assert await asyncio.to_thread(hit.wait, 5)
    await _gone()
    assert struck == [EXIT_CUT_OFF]


def test_beginning_to_end_without_a_last_resort_is_nothing() -> None:
    """As in a test, or in a process of somebody else's."""
    begin()
    assert not [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


async def _gone() -> None:
    """Return when no last resort waits any more."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()
