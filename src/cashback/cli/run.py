"""`cashback api | relay | worker | adapter`: the long-running processes."""

import asyncio
import importlib
from typing import Any

import click
import uvloop

from cashback.kernel.config import load
from cashback.kernel.telemetry import configure


def _start(module: str, *, process: str, level: str) -> None:
    """Load one process's settings and run it until a signal ends it."""
    root: Any = importlib.import_module(f"cashback.processes.{module}")
    configure(process=process, level=level)
    settings = load(root.Settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(root.run(settings))


log_level = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    envvar="CASHBACK_LOG_LEVEL",
)


@click.command()
@log_level
def api(log_level: str) -> None:
    """Serve the REST API.

    Example: CASHBACK_API_PORT=8080 cashback api
    """
    _start("api", process="api", level=log_level)


@click.command()
@log_level
def relay(log_level: str) -> None:
    """Publish a service's outbox to the broker; start as many as wanted.

    Example: CASHBACK_RELAY_SERVICE=cashback cashback relay
    """
    _start("relay", process="relay", level=log_level)


@click.group()
def worker() -> None:
    """Run a worker; start as many of each as wanted.

    Example: cashback worker mint
    """


@worker.command()
@log_level
def mint(log_level: str) -> None:
    """Take mint requests to the adapter and its outcomes back.

    Example: cashback worker mint
    """
    _start("mint_worker", process="worker mint", level=log_level)


@worker.command()
@log_level
def ledger(log_level: str) -> None:
    """Request mints for approved cashback and settle their outcomes.

    Example: cashback worker ledger
    """
    _start("ledger_worker", process="worker ledger", level=log_level)


@click.command()
@log_level
def adapter(log_level: str) -> None:
    """Serve the blockchain adapter over gRPC; the only process that knows a chain or holds a key.

    Example: CASHBACK_RPC_URLS=http://127.0.0.1:8545 cashback adapter
    """
    _start("adapter", process="adapter", level=log_level)
