"""`make bench`: measures, prints a table, writes build/bench/NAME.json, and fails where a target is missed.

    python -m tests.benchmarks                 every benchmark
    python -m tests.benchmarks gas relay       these
    ONLY=gas python -m tests.benchmarks        the same for one

A benchmark is a module with `measure(folder)`, which returns its checks; its docstring is its method.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import click
import msgspec
import uvloop

from cashback.cli.output import print_table, say
from cashback.kernel.telemetry import configure
from tests.benchmarks import (
    api,
    api_layers,
    api_peer,
    backbone,
    backtest,
    budget,
    bulk,
    consume,
    decide,
    end_to_end,
    gas,
    holds,
    hop,
    ledger,
    mint,
    reconcile,
    record,
    relay,
    rules,
)
from tests.benchmarks.checks import Check, cells
from tests.benchmarks.machine import ROOT, Machine, Usage, machine

Measure: TypeAlias = Callable[[Path], Awaitable[list[Check]]]

BENCHMARKS: Final[dict[str, Measure]] = {
    "gas": gas.measure,
    "budget": budget.measure,
    "backbone": backbone.measure,
    "decide": decide.measure,
    "relay": relay.measure,
    "consume": consume.measure,
    "hop": hop.measure,
    "mint": mint.measure,
    "ledger": ledger.measure,
    "holds": holds.measure,
    "record": record.measure,
    "reconcile": reconcile.measure,
    "rules": rules.measure,
    "backtest": backtest.measure,
    "api": api.measure,
    "bulk": bulk.measure,
    "api_peer": api_peer.measure,
    "api_layers": api_layers.measure,
    "end_to_end": end_to_end.measure,
}
RESULTS: Final = ROOT / "build" / "bench"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark's figures and what they were measured on; `others_cores` were busy with something else."""

    name: str
    began_at: datetime
    ended_at: datetime
    hardware: Machine
    commit: str
    python: str
    others_cores: float
    checks: list[Check]


def run(name: str) -> Report:
    """Measure one benchmark in a folder of its own, write its report and return it."""
    began_at, usage = datetime.now(UTC), Usage.now()
    say(f"{name}: measuring")
    with (
        tempfile.TemporaryDirectory(prefix=f"cashback-bench-{name}-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        hardware = machine(Path(folder))
        checks = runner.run(_measured(BENCHMARKS[name], Path(folder)))
    report = Report(
        name=name,
        began_at=began_at,
        ended_at=datetime.now(UTC),
        hardware=hardware,
        commit=hardware.commit,
        python=hardware.python,
        others_cores=usage.others_cores(),
        checks=checks,
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (RESULTS / f"{name}.json").write_bytes(written + b"\n")
    return report


async def _measured(measure: Measure, folder: Path) -> list[Check]:
    """Await a benchmark; a runner wants a coroutine."""
    return await measure(folder)


def show(report: Report) -> None:
    """Print one benchmark's table."""
    on = report.hardware
    dirty = " with changes" if on.is_dirty else ""
    title = (
        f"{report.name} · {on.cores} x {on.processor}, {on.memory_gib} GiB, {on.filesystem} · Python {on.python}"
        f" · commit {on.commit[:8]}{dirty} · others had {report.others_cores} cores"
    )
    print_table(title, ("figure", "value", "target", ""), cells(report.checks))


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks or all; return 0 when every check holds, 1 when one does not, 2 for an unknown name."""
    wanted = list(names) or os.environ.get("ONLY", "").split() or list(BENCHMARKS)
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        click.echo(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", err=True)
        return 2
    configure(process="bench", level="warning")
    missed = []
    for name in wanted:
        report = run(name)
        show(report)
        missed += [f"{name}: {check.name}" for check in report.checks if not check.holds]
    for each in missed:
        click.echo(f"missed: {each}", err=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
