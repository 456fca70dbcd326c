"""`cashback dev` and `cashback demo`: the whole system on this machine, on embedded servers."""

import asyncio
import os
import shlex
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import Progress, print_table, say
from cashback.kernel.clock import monotonic_s
from cashback.kernel.config import environment, load
from cashback.processes.stack import Stack

SETTLED_WITHIN_S: Final = 240.0
PART: Final = 500
"""How many purchases the demo pushes unless it is asked for all."""


@contextmanager
def _stack(folder: Path | None, block_time_s: float) -> Iterator[Stack]:
    """Yield a running stack, in a temporary folder unless one is named, telling each step and how long it took."""
    from cashback.processes.embedded import cache_dir, find_anvil

    environ = environment()
    with tempfile.TemporaryDirectory(prefix="cashback-") as scratch:
        say("finding anvil, the development chain")
        anvil = find_anvil(cache=cache_dir(environ), override=environ.get("CASHBACK_ANVIL"))
        stack = Stack(folder or Path(scratch), anvil=anvil, block_time_s=block_time_s)
        stack.start(say)
        try:
            yield stack
        finally:
            say("stopping everything")
            stack.stop()


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Keep all data here instead of a temporary folder.")
@click.option("--block-time", "block_time_s", type=float, default=1, show_default=True, help="Seconds between blocks.")
def dev(folder: Path | None, block_time_s: float) -> None:
    """Start the whole system on this machine and keep it up until Ctrl-C.

    Example: cashback dev
    """
    from cashback.processes.demo import prepare

    begun_s = monotonic_s()
    with _ended() as ended, _stack(folder, block_time_s) as stack:
        settings = stack.folder / "dev.env"
        _write_settings(settings, stack.operator_settings())
        merchant_id, user_id = asyncio.run(prepare(stack.url, stack.operator_key))
        print_table(
            f"cashback is up after {monotonic_s() - begun_s:.1f} s",
            ("what", "where"),
            [
                ("REST API", f"{stack.url}/v1"),
                ("OpenAPI document", f"{stack.url}/openapi/openapi.json"),
                ("operator's API key", stack.operator_key),
                ("adapter (gRPC)", stack.operator_settings()["CASHBACK_ADAPTER_ADDRESS"]),
                ("chain (JSON-RPC)", stack.anvil.url),
                ("token contract", stack.token_address),
                ("minter contract", stack.minter_address),
                ("PostgreSQL", f"127.0.0.1:{stack.postgres.port}, databases cashback, minting, chain"),
                ("NATS", f"127.0.0.1:{stack.nats.port}, monitoring {stack.nats.monitoring_url}"),
                ("settings for another terminal", f"set -a; . {shlex.quote(str(settings))}; set +a"),
                ("logs", str(stack.folder / "logs")),
            ],
        )
        print_table(
            "try next, in another terminal with those settings",
            ("command", "what it shows"),
            [
                ("cashback doctor", "every dependency, asked once"),
                (f"cashback purchase create --merchant {merchant_id} --user {user_id} --amount 1999", "what it earned"),
                ("cashback import src/cashback/processes/demo/cdnow.csv --create-users", "6,919 real purchases"),
                ("cashback mint list", "what became of each mint"),
                ("cashback reconcile", "ledger, mint records and chain agree at a final block"),
            ],
        )
        say("press Ctrl-C to stop")
        ended.wait()


@click.command()
@click.option("--all", "all_of_it", is_flag=True, help=f"Push all 6,919 purchases instead of {PART}.")
def demo(all_of_it: bool) -> int:  # noqa: FBT001  # click hands flags over by name
    """Push real purchases through the whole system to the chain, and prove that ledger and chain agree.

    Exits with 3 when they do not.

    Example: cashback demo --all
    """
    from cashback.cli.reconcile import show
    from cashback.processes.demo import push, read_sample, settle
    from cashback.processes.reconcile import Settings

    sample = read_sample(None if all_of_it else PART)
    users = len({purchase.user for purchase in sample})
    begun_s = monotonic_s()
    with _ended(), _stack(None, 1) as stack:
        say(f"started after {monotonic_s() - begun_s:.1f} s")
        with Progress(f"pushing {len(sample):,} purchases of {users:,} users", len(sample) + users) as progress:
            pushed = asyncio.run(push(stack.url, stack.operator_key, sample, step=progress.advance))
        say(f"answered after {monotonic_s() - begun_s:.1f} s")
        settings = load(Settings, stack.operator_settings())
        with Progress("waiting until every mint is in a final block", len(sample)) as progress:
            report = asyncio.run(settle(settings, len(sample), within_s=SETTLED_WITHIN_S, reached=progress.reach))
    reasons = sorted(pushed.reasons.items(), key=lambda reason: -reason[1])
    print_table("what happened to every purchase", ("decision", "purchases"), [*reasons, ("sum", pushed.purchases)])
    show(report)
    say(f"done after {monotonic_s() - begun_s:.1f} s")
    return EXIT_DIFFERENCE if report.findings or report.minted != pushed.granted else 0


@contextmanager
def _ended() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets as Ctrl-C does, so that both stop everything in order."""
    ended = threading.Event()

    def interrupt(*_: object) -> None:
        ended.set()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    except KeyboardInterrupt:
        say("stopped")
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_settings(path: Path, settings: dict[str, str]) -> None:
    """Write settings for a shell to read, for this user's eyes only."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(settings.items())]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(lines)
