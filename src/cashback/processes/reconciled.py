"""The last reconciliation as an operator sees it: how long ago it was, and what of it needs a person."""

from datetime import datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.ledger.model.supply import Supply
from cashback.ledger.service import Readings, Reconciliations
from cashback.ledger.service.supply import unexplained_supply

DAY = timedelta(days=1)

StaleSeconds: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=604_800)]


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """The newest run and the newest whole one, by when they ended and what they found; None where there is none.

    `since` is when there began to be something to reconcile. `unexplained` is the supply, in base units, that the books
    cannot explain at the block of `booked`.
    """

    ended_at: datetime | None
    whole_ended_at: datetime | None
    at_block: int | None
    kinds: dict[str, int]
    since: datetime | None
    unexplained: int
    booked: Supply | None


async def look(dsn: Secret, *, name: str) -> Reconciled:
    """Return how reconciliation stands, by an auditor's role; `name` tells the server who asks.

    Raises:
        DatabaseUnavailable: the ledger's database did not answer.
    """
    async with Database.open(dsn.value, name=name, connections_max=1) as database:
        journal = Reconciliations(database)
        [*newest] = await journal.last(limit=1)
        ended_at, whole_ended_at = await journal.last_ended()
        unexplained, booked = await unexplained_supply(database)
        since = await Readings(database).first_programme_at()
    return Reconciled(
        ended_at=ended_at,
        whole_ended_at=whole_ended_at,
        at_block=newest[0].at_block if newest else None,
        kinds=newest[0].kinds if newest else {},
        since=since,
        unexplained=unexplained,
        booked=booked,
    )


def concerns(standing: Reconciled, *, now: datetime, stale: timedelta) -> list[str]:
    """Return what of it needs a person, one sentence each; a whole run may be a day older than any other."""
    found = []
    began = standing.since
    if standing.ended_at is None:
        if began is not None and now - began > stale:
            found.append("nothing was ever reconciled; does worker-ledger have the three auditors' DSNs?")
    elif now - standing.ended_at > stale:
        found.append(f"the last reconciliation was {_ago(now - standing.ended_at)} ago; is worker-ledger running?")
    elif standing.whole_ended_at is None or now - standing.whole_ended_at > DAY + stale:
        found.append("the last whole reconciliation was more than a day ago: cashback reconcile --whole")
    if standing.kinds:
        told = ", ".join(f"{kind} {count:,}" for kind, count in standing.kinds.items())
        found.append(f"the last reconciliation found {told}: cashback reconcile, and see the runbook `reconcile`")
    if standing.unexplained:
        found.append(
            f"{standing.unexplained:,} base units of the supply are explained by no request and no burn: cashback"
            " reconcile --whole, and see the runbook `unexplained`"
        )
    return found


def summary(standing: Reconciled, *, now: datetime) -> str:
    """Return the last run and what is booked in a few words."""
    if standing.ended_at is None:
        return "none yet"
    run = f"{_ago(now - standing.ended_at)} ago, up to block {standing.at_block}"
    if standing.booked is None:
        return f"{run}; no supply is booked yet"
    return f"{run}; supply {standing.booked.total_supply:,} booked at block {standing.booked.at_block}"


def _ago(age: timedelta) -> str:
    """Return an age in its largest unit.

    >>> _ago(timedelta(minutes=90)), _ago(timedelta(days=3)), _ago(timedelta(seconds=-2))
    ('90 min', '72 h', '0 s')
    """
    seconds = max(int(age.total_seconds()), 0)
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:,} {unit}"
    return f"{seconds} s"
