"""`backbone`: what the backbone spends on an event, held against what is committed in `budget.json`; CI runs it.

Counted, not timed, so that a busy machine gives the same figures. With a backlog of 50,000 events: statements of the
relay's role and round trips (statements and the broker's answers) in the drainer, statements of the consumer, and the
bytes that PostgreSQL writes to its log for an event appended, published and applied. At 500 events a second for 60 s
with an old snapshot open, so that no vacuum removes anything: dead rows (pgstattuple) in the tables of outbox and
lease, which is what makes a relay slow that updates what it has published.
"""

from pathlib import Path
from typing import Final

import msgspec
import psycopg

from tests.benchmarks.budget import BUDGET
from tests.benchmarks.checks import Check, at_most, exactly
from tests.benchmarks.consume import Rounds
from tests.benchmarks.ground import SCHEMA, Ground, open_ground
from tests.benchmarks.relay_ways import EVENTS, Cost, Ways

PACE: Final = 500
DURATION_S: Final = 60
LOG_TOLERANCE: Final = 0.1


class Backbone(msgspec.Struct, frozen=True):
    """What may be spent on 100 events; dead rows are those of the trickle under an old snapshot."""

    relay_statements: float
    relay_round_trips: float
    consumer_statements: float
    log_bytes_per_event: float
    dead_rows: float


class _Budget(msgspec.Struct, frozen=True):
    """The part of `budget.json` that is of the backbone."""

    backbone: Backbone


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    budget = msgspec.json.decode(BUDGET.read_bytes(), type=_Budget).backbone
    async with open_ground(folder) as ground:
        async with await psycopg.AsyncConnection.connect(ground.postgres.dsn("cashback")) as connection:
            await connection.execute("create extension pgstattuple")
        spent, astray = await _spent(ground)
    return [*within(budget, spent), exactly("events lost or doubled", astray, "events", expected=0)]


def within(budget: Backbone, spent: Backbone) -> list[Check]:
    """Return what was spent beside the budget; of log bytes there is a tolerance, since pages are written whole."""
    return [
        at_most("relay: statements", spent.relay_statements, "per 100 events", bound=budget.relay_statements),
        at_most("relay: round trips", spent.relay_round_trips, "per 100 events", bound=budget.relay_round_trips),
        at_most("consumer: statements", spent.consumer_statements, "per 100 events", bound=budget.consumer_statements),
        at_most(
            "log bytes, appended, published and applied",
            spent.log_bytes_per_event,
            "bytes per event",
            bound=round(budget.log_bytes_per_event * (1 + LOG_TOLERANCE)),
        ),
        at_most(
            f"dead rows at {PACE}/s for {DURATION_S} s, old snapshot open",
            spent.dead_rows,
            "per 100 events",
            bound=budget.dead_rows,
        ),
    ]


async def _spent(ground: Ground) -> tuple[Backbone, int]:
    """Return what was spent, and how many events were lost or doubled."""
    ways = Ways(ground)
    # The first goes to pages that are new, and is not counted.
    await ways.drained()
    ways.drainer, before = Cost(), await _log_bytes(ground)
    await ways.drained()
    relayed, of_relay = ways.drainer, await _log_bytes(ground) - before
    stored = await ground.stored()
    rounds, before = Rounds(ground, stored), await _log_bytes(ground)
    statements = await ground.statements("cashback_ledger")
    await rounds.applied()
    of_consumer = await _log_bytes(ground) - before
    statements = await ground.statements("cashback_ledger") - statements
    astray = stored - 2 * EVENTS + await rounds.missing()
    async with ground.old_snapshot():
        dead = await _dead_rows(ground)
        await ways.drained_meanwhile(ground.append_paced(PACE * DURATION_S, per_second=PACE))
        dead = await _dead_rows(ground) - dead
    spent = Backbone(
        relay_statements=100 * relayed.statements_per_event,
        relay_round_trips=100 * relayed.round_trips_per_event,
        consumer_statements=100 * statements / stored,
        log_bytes_per_event=of_relay / EVENTS + of_consumer / stored,
        dead_rows=100 * dead / (PACE * DURATION_S),
    )
    return spent, astray + await ground.stored() - stored - PACE * DURATION_S


async def _log_bytes(ground: Ground) -> int:
    """Return how much PostgreSQL has written to its log."""
    return int(await ground.asked("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


async def _dead_rows(ground: Ground) -> int:
    """Return how many row versions of the outbox nobody sees and no vacuum has removed."""
    return int(
        await ground.asked(
            f"""
            select sum((pgstattuple(tables.oid)).dead_tuple_count)::bigint
            from pg_class as tables
            join pg_namespace as schemas on schemas.oid = tables.relnamespace
            where schemas.nspname = '{SCHEMA}'
              and tables.relname like 'outbox%'
              and tables.relkind = 'r'
            """
        )
    )
