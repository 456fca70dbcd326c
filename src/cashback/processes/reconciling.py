"""The ledger worker's reconciliation: at intervals, by one worker at a time, as a program of its own.

    every worker ──lease──▶ one of them ──when a run is due──▶ `cashback reconcile --by worker --json`
                                  ▲                                   └─▶ ledger.reconciliations
                                  └── its report: logged, and counted by kind

A program of its own, since a comparison reads with the auditors' roles, which this worker does not have, holds the
processor for as long as a million logs take, and may end badly without ending a worker that settles mints.
"""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from prometheus_client import Counter, Gauge

from cashback.kernel import lease
from cashback.kernel.clock import Clock
from cashback.kernel.config import PREFIX, Secret, environment
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.telemetry import logger
from cashback.ledger.rules.trial import is_due
from cashback.ledger.service import Reconciliations

SCHEMA: Final = "ledger"
LEASE: Final = "reconcile"
LEASE_TTL_S: Final = 4.0
"""How long a worker that is dead keeps the others waiting; they look every 5 s, and make up for it within 9."""
RENEW_EVERY_S: Final = 1.0
LOOK_EVERY_S: Final = 5.0

FAILED_PAUSE: Final = timedelta(seconds=10)
"""How long until a run that failed is tried again; twice as long after each further one."""
FAILED_PAUSE_MAX: Final = timedelta(minutes=5)

RUN_S_MAX: Final = 7_200.0
"""A run that takes longer is ended."""

SAID_MAX: Final = 1_000
"""How much of what a run said before it failed is logged, in bytes."""

_DOUBLED_MAX: Final = 5

_REPORTED: Final = (0, 3)
"""The exit codes of a run that came to its end: nothing differs, or something does."""

RUNS: Final = Counter("cashback_ledger_reconcile_runs_total", "Reconciliations by how they ended.", ["mode", "end"])
FINDINGS: Final = Counter(
    "cashback_ledger_reconcile_findings_total", "Differences that reconciliations found.", ["kind"]
)
RECONCILED_AT: Final = Gauge("cashback_ledger_reconciled_timestamp_seconds", "When the newest reconciliation ended.")

log = logger(__name__)


class Auditing(msgspec.Struct, frozen=True, kw_only=True):
    """How often is reconciled, and after which hour (UTC) as a whole each day.

    `settings` are those of the program that does it, by their names in the environment.
    """

    every: timedelta
    whole_hour: int
    settings: Mapping[str, str]


class Reported(msgspec.Struct, frozen=True):
    """What of a run's report is told on."""

    mode: str
    at_block: int
    logs: int
    kinds: dict[str, int]


class ProgramFailed(Unavailable):
    """A run did not come to its end; whether something differs is not known."""

    code = "reconcile_failed"


class Reconciler:
    """Has the ledger reconciled; any number of these may run beside each other, one of them has it done."""

    def __init__(self, database: Database, auditing: Auditing, clock: Clock, *, holder: str) -> None:
        """Hold the lease in `database` as `holder`."""
        self._database = database
        self._auditing = auditing
        self._clock = clock
        self._holder = holder
        self._not_before: datetime | None = None
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look whether a run is due until `stop` is set; what fails is tried again later."""
        while not stop.is_set():
            await until_stopped(self._look(), stop)
            await pause(stop, LOOK_EVERY_S)

    async def _look(self) -> None:
        """Take a turn; a database that is down is asked again."""
        try:
            await self.turn()
        except Unavailable as error:
            log.warning("reconcile.postponed", code=error.code, detail=error.detail)

    async def turn(self) -> Reported | None:
        """Have a run done when one is due and nobody else sees to it; return its report, None without one.

        Raises:
            Unavailable: the database did not answer.
        """
        is_whole = await self._due()
        if is_whole is None:
            return None
        token = await self._acquire()
        if token is None:
            return None
        try:
            # Somebody else may have had one done between the look and the lease.
            is_whole = await self._due()
            return None if is_whole is None else await self._reconcile(is_whole=is_whole)
        finally:
            with suppress(Unavailable):
                async with self._database.transaction() as tx:
                    await lease.release(tx, schema=SCHEMA, name=LEASE, token=token)

    async def _due(self) -> bool | None:
        """Return whether a whole run is due, None when none is due at all."""
        now = self._clock.now()
        if self._not_before is not None and now < self._not_before:
            return None
        last, last_whole = await Reconciliations(self._database).last_ended()
        if last is not None:
            RECONCILED_AT.set(last.timestamp())
        if is_due(now, last_began_at=last_whole, hour=self._auditing.whole_hour):
            return True
        return False if last is None or now - last >= self._auditing.every else None

    async def _acquire(self) -> int | None:
        """Return the token when this worker has the lease now."""
        async with self._database.transaction() as tx:
            return await lease.acquire(tx, schema=SCHEMA, name=LEASE, holder=self._holder, ttl_s=LEASE_TTL_S)

    async def _reconcile(self, *, is_whole: bool) -> Reported | None:
        """Run the program, and tell what it told; None when it failed."""
        mode = "whole" if is_whole else "incremental"
        try:
            report = await self._program(*(("--whole",) if is_whole else ()))
        except (ProgramFailed, OSError, msgspec.DecodeError) as cause:
            self._postpone(mode, cause)
            return None
        self._failures = 0
        RUNS.labels(report.mode, "different" if report.kinds else "alike").inc()
        for kind, count in report.kinds.items():
            FINDINGS.labels(kind).inc(count)
        facts: dict[str, Any] = {"mode": report.mode, "at_block": report.at_block, "logs": report.logs}
        if report.kinds:
            log.critical("reconcile.differed", kinds=report.kinds, **facts)
        else:
            log.info("reconcile.agreed", **facts)
        return report

    def _postpone(self, mode: str, cause: Exception) -> None:
        """Note a run that failed, and pause before the next one."""
        RUNS.labels(mode, "failed").inc()
        pause_s = FAILED_PAUSE * 2 ** min(self._failures, _DOUBLED_MAX)
        self._failures += 1
        self._not_before = self._clock.now() + min(pause_s, FAILED_PAUSE_MAX)
        log.error("reconcile.failed", mode=mode, reason=str(cause))

    async def _program(self, *options: str) -> Reported:
        """Return the report of `cashback reconcile`, the lease kept meanwhile; the program ends with this task.

        Raises:
            ProgramFailed: it did not come to its end.
            OSError: it could not be started.
            DecodeError: what it printed is no report.
        """
        bare = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cashback", "reconcile", "--json", "--by", "worker", *options),
            env={**bare, **self._auditing.settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        keeping = asyncio.create_task(self._keep())
        try:
            async with asyncio.timeout(RUN_S_MAX):
                printed, said = await child.communicate()
        except TimeoutError as cause:
            raise ProgramFailed(f"it took longer than {RUN_S_MAX:g} s") from cause
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode not in _REPORTED:
            words = said[-SAID_MAX:].decode(errors="replace").strip()
            raise ProgramFailed(f"exit code {child.returncode}: {words}")
        return msgspec.json.decode(printed, type=Reported)

    async def _keep(self) -> None:
        """Renew the lease until cancelled; a database that is down is asked again."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            with suppress(Unavailable):
                await self._acquire()


def settings_of_program(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings by their fields' names as the variables of a program of ours; what is empty is left out."""
    shown = {name: value.value if isinstance(value, Secret) else str(value) for name, value in settings.items()}
    return {PREFIX + name.upper(): value for name, value in shown.items() if value}
