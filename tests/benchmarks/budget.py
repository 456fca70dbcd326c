"""`budget`: what the adapter spends on a mint, held against what is committed in `budget.json`; CI runs it.

The method of each part is the docstring of its file: `requests.py`, `cpu.py`. A rise above the tolerance misses. A fall
that is to last is entered in `budget.json` by hand, and so is a rise that has its reason.
"""

from pathlib import Path
from typing import Final

import msgspec

from tests.benchmarks import cpu, requests
from tests.benchmarks.checks import Check, at_most, reported

BUDGET: Final = Path(__file__).parent / "budget.json"
CPU_TOLERANCE: Final = 0.3
RUNS: Final = 3
"""The best of three rounds differs by less from run to run, beside a full machine, too."""


class Budget(msgspec.Struct, frozen=True):
    """What may be spent on 1,000 mints: requests by their method, all told, and CPU in references."""

    requests: dict[str, int]
    cpu_references: float


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    budget = msgspec.json.decode(BUDGET.read_bytes(), type=Budget)
    asked = await requests.per_block(folder / "requests")
    spent = await _usual(folder)
    return [
        *within(budget, asked=asked, spent_references=spent.references),
        reported("CPU of the adapter", spent.cpu_ms, "ms for 1,000 mints"),
        reported("CPU of the reference", spent.reference_ms, "ms"),
    ]


async def _usual(folder: Path) -> cpu.Spent:
    """Return the CPU of the middle one of `RUNS`: what others disturb is as often too little as too much."""
    runs = [await cpu.per_thousand(folder / f"cpu-{number}") for number in range(RUNS)]
    return sorted(runs, key=lambda spent: spent.references)[RUNS // 2]


def _bound(budget: Budget) -> float:
    """Return how much CPU may be spent, in references."""
    return round(budget.cpu_references * (1 + CPU_TOLERANCE), 3)


def within(budget: Budget, *, asked: dict[str, float], spent_references: float) -> list[Check]:
    """Return what was spent beside the budget: no request more is allowed, and of CPU what the tolerance leaves."""
    return [
        *[
            at_most(f"{method} for 1,000 mints", asked.get(method, 0), "requests", bound=budget.requests.get(method, 0))
            for method in sorted(asked.keys() | budget.requests.keys())
        ],
        at_most("requests for 1,000 mints", sum(asked.values()), "requests", bound=sum(budget.requests.values())),
        at_most("CPU for 1,000 mints", spent_references, "references", bound=_bound(budget)),
    ]
