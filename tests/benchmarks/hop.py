"""`hop`: how long an event takes from the commit that appended it to the commit that applied it, at 100 events/s.

Method. PostgreSQL and NATS with fsync on (`sync_interval: always`); `cashback relay` as the process that an operator
runs, and the real `Consumer` with an empty handler in a process of its own. For 60 s an event is appended every 10 ms,
each in its own transaction and at the instant it is due, however long the one before takes (open model). PostgreSQL
keeps the instant of every commit (`track_commit_timestamp`), so both ends are read from one clock: that of the row in
the outbox and that of the row in the inbox. From the instant an event was due is reported beside it. The same
again with three NATS servers.
"""

import asyncio
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Final

import msgspec
import uvloop

from cashback.kernel.bus import Bus
from cashback.kernel.bus.consume import Consumer
from cashback.kernel.db import Database
from cashback.kernel.lifecycle.stopping import pause
from cashback.processes.embedded import CashbackProcess
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.consume import BATCH_MAX, TYPES, nothing
from tests.benchmarks.ground import SCHEMA, Ground, open_ground

PER_SECOND: Final = 100
DURATION_S: Final = 60
P50_MAX_MS: Final = 25.0
P99_MAX_MS: Final = 150.0
_RELAY: Final = "relay-cashback"
_CONSUMER: Final = "bench-hop"
_INBOX: Final = "ledger"
_WARM_UP: Final = 100
_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.05


class Hop(msgspec.Struct, frozen=True):
    """How long one event took, from the commit that appended it and from the instant it was due."""

    from_commit_ms: float
    from_due_ms: float


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_ground(folder / "one") as ground:
        on_one = await _measured(ground, folder / "one")
    async with open_ground(folder / "three", is_cluster=True) as ground:
        on_three = await _measured(ground, folder / "three")
    return [*_shown(on_one, ""), *_shown(on_three, ", three servers")]


async def _measured(ground: Ground, folder: Path) -> list[Hop]:
    """Return what each event took on one ground."""
    process = CashbackProcess(
        "relay", log=folder / "relay.log", port=ground.plan.ports.ready(_RELAY), settings=ground.settings(_RELAY)
    )
    dsn = ground.plan.dsn(ground.postgres, "cashback", "cashback_ledger")
    worker = multiprocessing.get_context("spawn").Process(target=consume, args=(dsn, ground.nats.url()))
    await asyncio.to_thread(process.start)
    worker.start()
    try:
        await ground.append_paced(_WARM_UP, per_second=PER_SECOND)
        await _applied(ground, _WARM_UP)
        await ground.append_paced(PER_SECOND * DURATION_S, per_second=PER_SECOND)
        await _applied(ground, _WARM_UP + PER_SECOND * DURATION_S)
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.join)
        await asyncio.to_thread(process.stop)
    return await _hops(ground)


def _shown(hops: Sequence[Hop], when: str) -> list[Check]:
    """Return the figures of one ground."""
    cuts = quantiles([hop.from_commit_ms for hop in hops], n=100)
    due = quantiles([hop.from_due_ms for hop in hops], n=100)
    return [
        at_most(f"commit to applied at {PER_SECOND}/s, p50{when}", cuts[49], "ms", bound=P50_MAX_MS),
        at_most(f"commit to applied at {PER_SECOND}/s, p99{when}", cuts[98], "ms", bound=P99_MAX_MS),
        reported(f"commit to applied, slowest{when}", max(hop.from_commit_ms for hop in hops), "ms"),
        reported(f"due to applied, p50{when}", due[49], "ms"),
        reported(f"due to applied, p99{when}", due[98], "ms"),
        exactly(f"events not applied{when}", PER_SECOND * DURATION_S - len(hops), "events", expected=0),
    ]


def consume(dsn: str, nats_url: str) -> None:
    """Run the consumer until terminated: the process of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_consume(dsn, nats_url))


async def _consume(dsn: str, nats_url: str) -> None:
    """Apply what comes, doing nothing."""
    async with Database.open(dsn, name=_CONSUMER) as database, Bus.connect(nats_url, name=_CONSUMER) as bus:
        consumer = Consumer(
            bus, database, schema=_INBOX, name=_CONSUMER, types=TYPES, handler=nothing, batch_max=BATCH_MAX
        )
        await consumer.run(asyncio.Event())


async def _applied(ground: Ground, events: int) -> None:
    """Return once so many events were applied."""
    never = asyncio.Event()
    async with asyncio.timeout(_WITHIN_S):
        while await ground.asked(f"select count(*) from {_INBOX}.inbox") < events:
            await pause(never, _LOOK_EVERY_S)


async def _hops(ground: Ground) -> list[Hop]:
    """Return what each event took, without those that warmed up."""
    found = await ground.asked(
        f"""
        select json_agg(json_build_object(
            'from_commit_ms', extract(epoch from applied_at - appended_at) * 1000,
            'from_due_ms', extract(epoch from applied_at - due_at) * 1000
        ))
        from (
            select
                pg_xact_commit_timestamp(events.xmin) as appended_at,
                pg_xact_commit_timestamp(inbox.xmin) as applied_at,
                events.time as due_at
            from {SCHEMA}.outbox_events as events
            join {_INBOX}.inbox as inbox on inbox.event_id = events.event_id and inbox.consumer = '{_CONSUMER}'
            order by appended_at
            offset {_WARM_UP}
        ) as hops
        """
    )
    return msgspec.convert(found, list[Hop])
