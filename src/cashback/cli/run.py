"""`cashback api | relay | worker | adapter`: the long-running processes."""

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, Literal

import click
import msgspec
import uvloop

from cashback.kernel import failpoints
from cashback.kernel.clock import ClockSettings
from cashback.kernel.config import SettingsInvalid, load
from cashback.kernel.lifecycle import ended_in_time
from cashback.kernel.telemetry import configure
from cashback.kernel.telemetry.settings import TraceSettings


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much a process tells."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


log_level = click.option(
    "--log-level",
    "level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="How much to tell; CASHBACK_LOG_LEVEL, or else info, when left out.",
)


def _start(module: str, *, process: str, level: str | None) -> None:
    """Load one process's settings and run it until a signal ends it.

    Raises:
        SettingsInvalid: with every problem of all its settings.
    """
    root: Any = importlib.import_module(f"cashback.processes.{module}")
    kinds = (root.Settings, LogSettings, TraceSettings, failpoints.Settings, ClockSettings)
    settings, log, traces, traps, _ = _load(*kinds)
    configure(process=process, level=level or log.log_level)
    failpoints.arm(traps, process=process)
    with ended_in_time(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_traced(root.run(settings), traces, process=process))


async def _traced(work: Coroutine[Any, Any, None], settings: TraceSettings, *, process: str) -> None:
    """Do a process's work, and tell a collector about it if there is one; without, nothing of it is even loaded."""
    if not settings.otlp_endpoint:
        await work
        return
    from cashback.kernel.telemetry.export import exporting

    async with exporting(settings, process=process):
        await work


def _load(*kinds: type[msgspec.Struct]) -> list[Any]:
    """Return the settings of every kind, or raise what is wrong with any."""
    problems: list[str] = []
    missing: list[str] = []
    loaded: list[Any] = []
    for kind in kinds:
        try:
            loaded.append(load(kind))
        except SettingsInvalid as error:
            problems += error.problems
            missing += error.missing
    if problems:
        raise SettingsInvalid(problems, missing=missing)
    return loaded


@click.command()
@log_level
def api(level: str | None) -> None:
    """Serve the REST API.

    Example: CASHBACK_API_PORT=8080 cashback api
    """
    _start("api", process="api", level=level)


@click.command()
@log_level
def relay(level: str | None) -> None:
    """Publish a service's outbox to the broker; start as many as wanted.

    Example: CASHBACK_RELAY_SERVICE=cashback cashback relay
    """
    _start("relay", process="relay", level=level)


@click.group()
def worker() -> None:
    """Run a worker; start as many of each as wanted.

    Example: cashback worker mint
    """


@worker.command()
@log_level
def mint(level: str | None) -> None:
    """Take mint requests to the adapter and its outcomes back.

    Example: cashback worker mint
    """
    _start("mint_worker", process="worker mint", level=level)


@worker.command()
@log_level
def ledger(level: str | None) -> None:
    """Request mints for approved cashback and settle their outcomes.

    Example: cashback worker ledger
    """
    _start("ledger_worker", process="worker ledger", level=level)


@worker.command()
@log_level
def webhooks(level: str | None) -> None:
    """Deliver events to the endpoints of merchants and of the operator.

    Example: cashback worker webhooks
    """
    _start("webhook_worker", process="worker webhooks", level=level)


@click.command()
@log_level
def adapter(level: str | None) -> None:
    """Serve the blockchain adapter over gRPC; the only process that knows a chain or holds a key.

    Example: CASHBACK_RPC_URLS=http://127.0.0.1:8545 cashback adapter
    """
    _start("adapter", process="adapter", level=level)
