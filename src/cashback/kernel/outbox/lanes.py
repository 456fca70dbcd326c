"""Lanes: the partitions of one schema's outbox that a drainer holds, how far each was published, and the fence.

free ──acquire──▶ held(holder, token, until) ──acquire again or advance──▶ held, longer
  ▲                    └── `until` passed: anyone may acquire it, token + 1; the former holder's writes do nothing
  └──release──────────┘
"""

from collections.abc import Mapping

import msgspec

from cashback.kernel.bus.message import new_token
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Session


class Lane(msgspec.Struct, frozen=True):
    """One partition while it is held: the last position known to be published, and the token of the lease."""

    partition: int
    position: int
    token: int


class Lanes:
    """What one drainer holds of one schema's outbox."""

    def __init__(self, *, schema: str, holder: str, ttl_s: float) -> None:
        """Hold nothing yet; a random part makes the holder's name its own even if two are called the same."""
        self.held: Mapping[int, Lane] = {}
        self._schema = schema
        self._holder = f"{holder}:{new_token()}"
        self._ttl_s = ttl_s
        self._renew_at_s = 0.0

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to acquire: a third of the lease has gone by, or there is none."""
        return not self.held or monotonic_s() >= self._renew_at_s

    async def acquire(self, session: Session) -> None:
        """Take every lane that is free or expired, and prolong those held, in one statement.

        A lane that somebody else took meanwhile is no longer held afterwards.
        """
        asked_at_s = monotonic_s()
        cursor = await session.execute(
            f"""
            with mine as (
                select partition
                from {self._schema}.outbox_cursors
                where holder = %(holder)s
                   or expires_at <= clock_timestamp()
                order by partition
                for update skip locked
            )
            update {self._schema}.outbox_cursors as lane
            set token = case when lane.holder = %(holder)s and lane.expires_at > clock_timestamp()
                             then lane.token else lane.token + 1 end,
                holder = %(holder)s,
                expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
            from mine
            where lane.partition = mine.partition
            returning lane.partition, lane.position, lane.token
            """,
            {"holder": self._holder, "ttl_s": self._ttl_s},
        )
        self.held = {row[0]: Lane(*row) for row in await cursor.fetchall()}
        self._renew_at_s = asked_at_s + self._ttl_s / 3

    async def advance(self, session: Session, reached: Mapping[int, int]) -> None:
        """Move lanes to the positions `reached` and prolong their leases, in one statement.

        Where the lease has gone to another holder nothing is written, and the lane is no longer held afterwards.
        """
        asked_at_s = monotonic_s()
        cursor = await session.execute(
            f"""
            update {self._schema}.outbox_cursors as lane
            set position = greatest(lane.position, reached.position),
                expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
            from unnest(%(partitions)s::smallint[], %(positions)s::bigint[], %(tokens)s::bigint[])
              as reached (partition, position, token)
            where lane.partition = reached.partition
              and lane.token = reached.token
              and lane.holder = %(holder)s
            returning lane.partition, lane.position, lane.token
            """,
            {
                "partitions": list(self.held),
                "positions": [reached.get(lane.partition, lane.position) for lane in self.held.values()],
                "tokens": [lane.token for lane in self.held.values()],
                "holder": self._holder,
                "ttl_s": self._ttl_s,
            },
        )
        self.held = {row[0]: Lane(*row) for row in await cursor.fetchall()}
        self._renew_at_s = asked_at_s + self._ttl_s / 3

    async def release(self, session: Session) -> None:
        """Let everyone else have the lanes at once; a no-op for those that are lost already."""
        held, self.held = self.held, {}
        await session.execute(
            f"""
            update {self._schema}.outbox_cursors as lane
            set expires_at = '-infinity'
            from unnest(%(partitions)s::smallint[], %(tokens)s::bigint[]) as mine (partition, token)
            where lane.partition = mine.partition
              and lane.token = mine.token
              and lane.holder = %(holder)s
            """,
            {"partitions": list(held), "tokens": [lane.token for lane in held.values()], "holder": self._holder},
        )
