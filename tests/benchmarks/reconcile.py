"""`reconcile`: how long `cashback reconcile` takes over a million mints, and what memory it holds.

Method. Ledger and minting stand in PostgreSQL (fsync on) with a row for every mint, made by SQL; the chain is a
stand-in that answers eth_getLogs and the rest of JSON-RPC as anvil does (`reconcile_chain`, a process of its own; no
chain had to mine a million mints), read by the real adapter's service over gRPC (`reconcile_adapter`, a process as
well). The command is timed from its start to its end, `cashback reconcile --whole --json`, at a tenth of the mints and
at all of them, once each; then without `--whole`, when nothing has changed. Its peak memory is what the kernel counted
for the child; the adapter's is read from /proc. Every run must find no difference and have seen every mint. The books
are whole as well, with four transfers for each mint and two transitions fewer than in life (`reconcile_books`); the
token's supply is booked from the run before, by what the ledger worker turns.

MINTS=100000 is for looking whether it works.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from cashback.kernel import lease
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.config import environment
from cashback.kernel.db import Database
from cashback.ledger import Readings
from cashback.ledger.gateway import Adapter
from cashback.ledger.model.supply import Supply
from cashback.ledger.service.leased import LEASE_TTL_S, SCHEMA, Fence
from cashback.ledger.service.supply import LEASE, SupplyBooker, unexplained_supply
from cashback.processes import migrate
from cashback.processes.embedded import CHAIN_ID, HOST, EmbeddedPostgres, free_port
from cashback.processes.stack import Plan, Ports
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.reconcile_books import fill_ledger, fill_minting, keep_books
from tests.benchmarks.reconcile_chain import MINTER, TOKEN
from tests.support.facts import eventually
from tests.support.memory import peak_mib

MINTS: Final = int(os.environ.get("MINTS", "1000000"))
WHOLE_S_MAX: Final = 60.0
_UP_WITHIN_S: Final = 30


class Ran(msgspec.Struct, frozen=True):
    """One run of the command: how long it took, the most memory it held, and what it told."""

    took_s: float
    memory_mib: float
    adapter_mib: float
    logs: int
    supply: int
    mode: str


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    plan = Plan(Ports.free())
    few = MINTS // 10
    with EmbeddedPostgres(folder / "postgres") as postgres:
        await asyncio.to_thread(migrate.migrate, plan.migration(postgres))
        await _fill(postgres, first=1, last=few)
        async with _chain(plan, postgres, mints=few) as adapter:
            tenth = await _run(plan, postgres, adapter, "--whole")
        await _fill(postgres, first=few + 1, last=MINTS)
        async with _chain(plan, postgres, mints=MINTS) as adapter:
            await _book_supply(plan, postgres)
            whole = await _run(plan, postgres, adapter, "--whole")
            booked = await _book_supply(plan, postgres)
            again = await _run(plan, postgres, adapter)
        books_s = await _books(plan, postgres)
    return [
        exactly("mint logs compared", whole.logs, "logs", expected=MINTS),
        exactly("supply that is booked by then", booked.total_supply, "units", expected=whole.supply),
        at_most(f"whole run over {MINTS:,} mints", whole.took_s, "s", bound=WHOLE_S_MAX),
        reported(f"whole run over {few:,} mints", tenth.took_s, "s"),
        reported("incremental run, nothing new", again.took_s, "s"),
        reported("the questions to the books alone, which a whole run asks beside the rest", books_s, "s"),
        exactly("that run was incremental", int(again.mode == "incremental"), "", expected=1),
        at_most(
            "peak memory of the command, at all mints to at a tenth",
            whole.memory_mib / tenth.memory_mib,
            "x",
            bound=1.5,
        ),
        reported("peak memory of the command", whole.memory_mib, "MiB"),
        at_most("peak memory of the adapter, likewise", whole.adapter_mib / tenth.adapter_mib, "x", bound=1.5),
        reported("peak memory of the adapter", whole.adapter_mib, "MiB"),
    ]


async def _books(plan: Plan, postgres: EmbeddedPostgres) -> float:
    """Return how long the questions to the books take when nothing else is asked, in seconds.

    Raises:
        RuntimeError: the books contradict themselves.
    """
    began_s = monotonic_s()
    async with Database.open(plan.dsn(postgres, "cashback", "cashback_auditor"), name="bench") as database:
        found = await Readings(database).differences(limit=1)
    if found:
        raise RuntimeError(f"the books of the benchmark contradict themselves: {found}")
    return monotonic_s() - began_s


async def _book_supply(plan: Plan, postgres: EmbeddedPostgres) -> Supply:
    """Have what the last run read of the supply be booked, as the ledger worker does; return what is booked."""
    async with (
        Database.open(plan.dsn(postgres, "cashback", "cashback_ledger"), name="bench") as database,
        Adapter.open(f"{HOST}:{plan.ports.adapter}") as adapter,
    ):
        async with database.transaction() as tx:
            token = await lease.acquire(tx, schema=SCHEMA, name=LEASE, holder="bench", ttl_s=LEASE_TTL_S)
        if token is None:
            raise RuntimeError("somebody else books the supply of the benchmark")
        await SupplyBooker(database, adapter, clock=SystemClock()).turn(Fence(LEASE, token))
        _, booked = await unexplained_supply(database)
    if booked is None:
        raise RuntimeError("no run of the benchmark was booked")
    return booked


async def _fill(postgres: EmbeddedPostgres, *, first: int, last: int) -> None:
    """Have ledger and minting know these mints, and the books."""
    await asyncio.to_thread(fill_ledger, postgres.dsn("cashback"), first=first, last=last)
    await asyncio.to_thread(keep_books, postgres.dsn("cashback"))
    await asyncio.to_thread(fill_minting, postgres.dsn("minting"), first=first, last=last)


@asynccontextmanager
async def _chain(plan: Plan, postgres: EmbeddedPostgres, *, mints: int) -> AsyncIterator[int]:
    """Yield the process id of an adapter over a chain of so many mints."""
    port = free_port()
    settings = {
        "CASHBACK_RPC_URLS": f"http://{HOST}:{port}",
        "CASHBACK_CHAIN_ID": str(CHAIN_ID),
        "CASHBACK_TOKEN_ADDRESS": TOKEN,
        "CASHBACK_MINTER_ADDRESS": MINTER,
        "CASHBACK_KEY_MNEMONIC": DEVELOPMENT_MNEMONIC,
        "CASHBACK_RPC_TIMEOUT_MS": "30000",
        "CASHBACK_CHAIN_DSN": plan.dsn(postgres, "chain", "chain_adapter"),
        "CASHBACK_ADAPTER_PORT": str(plan.ports.adapter),
        "CASHBACK_PROBE_PORT": str(free_port()),
    }
    node = _child("tests.benchmarks.reconcile_chain", str(port), str(mints))
    try:
        await _listening(port)
        adapter = _child("tests.benchmarks.reconcile_adapter", settings=settings)
        try:
            await _listening(plan.ports.adapter)
            yield adapter.pid
        finally:
            adapter.kill()
            await asyncio.to_thread(adapter.wait)
    finally:
        node.kill()
        await asyncio.to_thread(node.wait)


def _child(module: str, *arguments: str, settings: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a module as a process."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], env={**environment(), **(settings or {})})


async def _listening(port: int) -> None:
    """Return once somebody listens at a port."""

    async def look() -> bool | None:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return None
        writer.close()
        return True

    await eventually(look, within_s=_UP_WITHIN_S, what=f"port {port} answers")


async def _run(plan: Plan, postgres: EmbeddedPostgres, adapter: int, *options: str) -> Ran:
    """Run the command once.

    Raises:
        RuntimeError: it found a difference; in these rows there is none.
    """
    command = [sys.executable, "-m", "cashback", "reconcile", "--json", *options]
    began_s = monotonic_s()
    child = _begun(command, plan.audit(postgres))
    said = await asyncio.to_thread(_read, child)
    _, _, used = await asyncio.to_thread(os.wait4, child.pid, 0)
    took_s = monotonic_s() - began_s
    report = msgspec.json.decode(said)
    if report["kinds"]:
        raise RuntimeError(f"differences were found where none is: {report['kinds']}")
    return Ran(
        took_s=took_s,
        memory_mib=used.ru_maxrss / 1_024,
        adapter_mib=peak_mib(adapter),
        logs=report["logs"],
        supply=int(report["total_supply"]),
        mode=report["mode"],
    )


def _begun(command: list[str], settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a command whose output is read."""
    return subprocess.Popen(command, env={**environment(), **settings}, stdout=subprocess.PIPE)


def _read(child: subprocess.Popen[bytes]) -> bytes:
    """Return all that a child prints."""
    assert child.stdout is not None
    with child.stdout as printed:
        return printed.read()
