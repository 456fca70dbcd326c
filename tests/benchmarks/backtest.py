"""`backtest`: how long a draft of 20 rules with all limits takes on 1,000,000 recorded purchases.

Method. PostgreSQL with fsync on. Purchases of 50,000 users at 720 merchants over 30 days are made in SQL, with the
documents that decision engine 2 writes; then `cashback ruleset backtest` is started as an operator would, with two
workers, and timed from its start to its end. Peak memory is what the kernel says of each process. What the recorded
purchases cost, what the draft would have cost with its limit of a user's day, and how many purchases that limit cuts,
are added up in SQL as well, and must agree to the unit. BACKTEST_PURCHASES sets another number, whose time is reported.
"""

import asyncio
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from cashback.kernel.clock import monotonic_s
from cashback.kernel.config import PREFIX, environment
from cashback.ledger.model.backtests import BacktestStory
from tests.benchmarks.backtest_rows import DRAFT, expected, fill
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.shop import open_shop
from tests.support.memory import peak_mib

PURCHASES: Final = 1_000_000
WORKERS: Final = 2
PROMISED_S: Final = 120
_LOOK_S: Final = 0.1


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    purchases = int(environment().get("BACKTEST_PURCHASES", PURCHASES))
    async with open_shop(folder) as shop:
        superuser, began_s = shop.postgres.dsn("cashback"), monotonic_s()
        await asyncio.to_thread(fill, superuser, purchases=purchases)
        filled_s = monotonic_s() - began_s
        due = await asyncio.to_thread(expected, superuser)
        story, took_s, used_s, peaks = await _tried(shop.plan.dsn(shop.postgres, "cashback", "cashback_auditor"))
    cut = {each.limit: each.purchases for each in story.limits}
    return [
        _promised(f"a draft on {purchases:,} purchases, {WORKERS} workers", took_s, purchases),
        reported("the same", purchases / took_s, "purchases/s"),
        reported("processor time of the command and its workers", used_s, "s"),
        reported("peak memory, the one that counts", peaks[0], "MiB"),
        *(reported(f"peak memory, worker {place}", peak, "MiB") for place, peak in enumerate(peaks[1:], 1)),
        reported("making the purchases", filled_s, "s"),
        exactly("purchases decided anew", story.purchases, "purchases", expected=due.purchases),
        exactly("what was granted", int(story.recorded_minor), "minor units", expected=due.recorded),
        exactly("what the draft would have granted", int(story.draft_minor), "minor units", expected=due.draft),
        exactly("purchases cut by the day of a user", cut.get("user_day", 0), "purchases", expected=due.cut),
        exactly("processes that helped", len(peaks) - 1, "processes", expected=WORKERS),
    ]


def _promised(name: str, took_s: float, purchases: int) -> Check:
    """Return the time it took, with its target where so many purchases have one."""
    if purchases < PURCHASES:
        return reported(name, took_s, "s")
    return at_most(name, took_s, "s", bound=PROMISED_S)


async def _tried(dsn: str) -> tuple[BacktestStory, float, float, list[float]]:
    """Return the story of the draft, how long it took and what processor time, and the peak memory of each in MiB.

    Raises:
        RuntimeError: the command failed; its words are in the error.
    """
    inherited = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
    words = ("-m", "cashback", "ruleset", "backtest", DRAFT, "--workers", str(WORKERS), "--json")
    began_s, before_s = monotonic_s(), _used_s()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        env=inherited | {f"{PREFIX}LEDGER_AUDIT_DSN": dsn},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    watching = asyncio.create_task(_peaks(process))
    said, errors = await process.communicate()
    took_s = monotonic_s() - began_s
    if process.returncode:
        raise RuntimeError(f"the backtest failed: {errors.decode()[-2_000:]}")
    return msgspec.json.decode(said, type=BacktestStory), took_s, _used_s() - before_s, await watching


def _used_s() -> float:
    """Return the processor time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _peaks(process: Process) -> list[float]:
    """Return the peak memory in MiB of a process, the first, and of those it has started, once it has ended."""
    peaks: dict[int, float] = {process.pid: 0.0}
    while process.returncode is None:
        with suppress(OSError):  # it is ending
            for pid in (process.pid, *_children(process.pid)):
                peaks[pid] = max(peaks.get(pid, 0.0), peak_mib(pid))
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _LOOK_S)
    return list(peaks.values())


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended (proc(5))."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
