"""How long the oldest event has waited to be published, asked of the outbox itself.

A drainer without lanes, or without a broker, reads no event; what it last read would say nothing of what waits now.
"""

from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Session
from cashback.kernel.gauges import LOOK_EVERY_S, UNKNOWN
from cashback.kernel.outbox.drain import metrics


class Age:
    """The age of one schema's oldest event that is not published, as the gauge shows it."""

    def __init__(self, *, schema: str) -> None:
        """Know nothing yet, and be due at once."""
        self._schema = schema
        self._look_at_s = 0.0

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to ask again."""
        return monotonic_s() >= self._look_at_s

    async def look(self, session: Session) -> None:
        """Have the gauge say how old the oldest event is beyond the cursors of all lanes, whoever holds them."""
        self._look_at_s = monotonic_s() + LOOK_EVERY_S
        metrics.statements.labels(self._schema).inc()
        metrics.oldest_seconds.labels(self._schema).set(await oldest_s(session, self._schema))

    def forget(self) -> None:
        """Have the gauge say that it is not known, and be due as soon as there is a session again."""
        self._look_at_s = 0.0
        metrics.oldest_seconds.labels(self._schema).set(UNKNOWN)


async def oldest_s(session: Session, schema: str) -> float:
    """Return the age (s) of the oldest event that is not published, 0 when all are; by the database's clock.

    Of each lane the first beyond its cursor is read, by the primary key: as much work with a backlog as without.
    """
    cursor = await session.execute(
        f"""
        select coalesce(greatest(0, extract(epoch from clock_timestamp() - min(ahead.time))), 0)::float8
        from {schema}.outbox_cursors as lane
        cross join lateral (
            select time
            from {schema}.outbox_events
            where partition = lane.partition
              and position > lane.position
            order by position
            limit 1
        ) as ahead
        """
    )
    ((age_s,),) = await cursor.fetchall()
    return float(age_s)
