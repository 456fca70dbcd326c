"""Lanes: the partitions of one schema's outbox that a drainer holds, how far each was published, and the fence.

free ──acquire──▶ held(holder, token, until) ──acquire again or advance──▶ held, longer
  ▲                    └── `until` passed: anyone may acquire it, token + 1; the former holder's writes do nothing
  └──release, or asked for by another (`shares`)──┘

How far a lane was published is known here first and in the table a little later (`reach` and `write`): the rows are few
and rewritten all day, and each version stays for as long as anybody's old snapshot does.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.bus.message import new_token
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Session
from cashback.kernel.shares import Seat, wish

AHEAD_MAX_S: Final = 10.0
"""No lease and no wish is longer; one that seems to be is from before the database's clock was set back."""

ASK_LOOK_S: Final = 0.25
"""So often whoever has asked for a lane looks whether it was given."""


class Lane(msgspec.Struct, frozen=True):
    """One partition while it is held: the last position known to be published, the token of the lease, and the row."""

    partition: int
    position: int
    token: int
    row: str | None = None
    """Where its row's present version lies (ctid), as this holder's last write of it said."""


class Lanes:
    """What one drainer holds of one schema's outbox."""

    def __init__(self, *, schema: str, holder: str, ttl_s: float) -> None:
        """Hold nothing yet; a random part makes the holder's name its own even if two are called the same.

        `ttl_s` is at most `AHEAD_MAX_S`.
        """
        self.held: Mapping[int, Lane] = {}
        self.statements = 0
        self.takeovers = 0
        self._schema = schema
        self._holder = f"{holder}:{new_token()}"
        self._ttl_s = ttl_s
        self._unwritten: set[int] = set()
        self._look_at_s = 0.0
        self._ends_at_s = 0.0

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to acquire: a third of the lease has gone by, or there is none."""
        return not self.held or monotonic_s() >= self._look_at_s

    @property
    def has_run_out(self) -> bool:
        """Tell whether the leases may have ended, so that somebody else may be publishing: this process stood still."""
        return monotonic_s() >= self._ends_at_s

    @property
    def is_unwritten(self) -> bool:
        """Tell whether a lane was published further than the table says."""
        return bool(self._unwritten)

    async def acquire(self, session: Session) -> None:
        """Prolong what is held, give what is asked for, take what is free, and ask for what is missing to a share.

        A lane that somebody else took meanwhile is no longer held afterwards. Whoever holds none and gets none
        has written nothing.
        """
        asked_at_s = monotonic_s()
        wished = wish(await self._look(session), me=self._holder)
        mine = {seat.partition: seat for seat in wished.keep + wished.give}
        self._settle_on({number: lane for number, lane in self.held.items() if _is_same(mine.get(number), lane)})
        # A lane that is ours by the table alone is from a session whose answer was lost: as good as taken just now.
        self.held = {number: self.held.get(number) or _to_lane(seat) for number, seat in mine.items()}
        if self.held:
            await self.write(session, self.held)
        if wished.give:
            await self._give(
                session, [self.held[seat.partition] for seat in wished.give if seat.partition in self.held]
            )
        if wished.take:
            await self._take(session, wished.take)
        if wished.ask:
            await self._ask(session, wished.ask)
        self._look_at_s = asked_at_s + (min(ASK_LOOK_S, self._ttl_s / 3) if wished.ask else self._ttl_s / 3)
        self._ends_at_s = asked_at_s + self._ttl_s

    def forget(self) -> None:
        """Hold nothing before the table was asked: it may be that of a server which lacks the last commits.

        Positions that were reached on the server before are those of other events there.
        """
        self._settle_on({})

    def reach(self, reached: Mapping[int, int]) -> None:
        """Know that lanes are published up to these positions; the table learns it by the next `write`."""
        self.held = {
            number: msgspec.structs.replace(lane, position=max(lane.position, reached.get(number, 0)))
            for number, lane in self.held.items()
        }
        self._unwritten |= reached.keys() & self.held.keys()

    async def advance(self, session: Session, reached: Mapping[int, int]) -> None:
        """Move lanes to the positions `reached`, in the table as well, and prolong their leases."""
        self.reach(reached)
        await self.write(session)

    async def write(self, session: Session, numbers: Mapping[int, Lane] | None = None) -> None:
        """Write the lanes `numbers`, else those published further than written, and prolong their leases.

        Where the lease has gone to another holder nothing is written, and the lane is no longer held afterwards.
        Each row is looked for where it was last, and only where it is no longer by its number: the index leads past
        every version that some old snapshot keeps.
        """
        due = [self.held[number] for number in (numbers if numbers is not None else self._unwritten)]
        written = await self._write(session, [lane for lane in due if lane.row], by="ctid")
        missed = [lane for lane in due if lane.partition not in written]
        written |= await self._write(session, missed, by="partition")
        lost = {lane.partition for lane in due} - written.keys()
        self._settle_on({number: written.get(number, lane) for number, lane in self.held.items() if number not in lost})
        self._unwritten -= written.keys()

    async def release(self, session: Session) -> None:
        """Let everyone else have the lanes at once, as far as they are published; a no-op for those lost already."""
        if self._unwritten:
            await self.write(session)
        held = list(self.held.values())
        self._settle_on({})
        if held:
            await self._give(session, held)

    def _settle_on(self, held: Mapping[int, Lane]) -> None:
        """Hold these, and remember of no other that it is to be written."""
        self.held = held
        self._unwritten &= held.keys()

    async def _look(self, session: Session) -> list[Seat]:
        """Return the lanes as they are at this moment, by the database's clock alone."""
        self.statements += 1
        cursor = await session.execute(
            f"""
            select partition, position, token,
                case when holder = %(holder)s or is_running then holder end,
                case when asked_until > at and asked_until <= at + make_interval(secs => %(ahead_max_s)s)
                     then asked_by end,
                holder is not null and expires_at > '-infinity' and not is_running
            from {self._schema}.outbox_cursors
            cross join clock_timestamp() as at
            cross join lateral (
                select expires_at > at and expires_at <= at + make_interval(secs => %(ahead_max_s)s)
            ) as lease (is_running)
            """,
            {"holder": self._holder, "ahead_max_s": AHEAD_MAX_S},
        )
        # In their order, which an index gives as well, but past every version that some old snapshot keeps.
        return sorted((Seat(*row) for row in await cursor.fetchall()), key=lambda seat: seat.partition)

    async def _write(self, session: Session, lanes: Sequence[Lane], *, by: str) -> dict[int, Lane]:
        """Write positions and leases of `lanes`, found `by` ctid or partition, and return those that were written."""
        if not lanes:
            return {}
        self.statements += 1
        place = "lane.ctid = any(%(rows)s::tid[]) and" if by == "ctid" else ""
        cursor = await session.execute(
            f"""
            update {self._schema}.outbox_cursors as lane
            set position = greatest(lane.position, reached.position),
                expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
            from unnest(%(partitions)s::smallint[], %(positions)s::bigint[], %(tokens)s::bigint[])
              as reached (partition, position, token)
            where {place} lane.partition = reached.partition
              and lane.token = reached.token
              and lane.holder = %(holder)s
            returning lane.partition, lane.position, lane.token, lane.ctid::text
            """,
            {**self._columns(lanes), "rows": [lane.row for lane in lanes], "ttl_s": self._ttl_s},
        )
        return {row[0]: Lane(*row) for row in await cursor.fetchall()}

    async def _take(self, session: Session, seats: Sequence[Seat]) -> None:
        """Take lanes that nobody holds, unless somebody was faster."""
        self.statements += 1
        cursor = await session.execute(
            f"""
            with free as (
                select lane.partition
                from {self._schema}.outbox_cursors as lane
                join unnest(%(partitions)s::smallint[], %(tokens)s::bigint[]) as seen (partition, token)
                  on lane.partition = seen.partition
                 and lane.token = seen.token
                where lane.expires_at <= clock_timestamp()
                   or lane.expires_at > clock_timestamp() + make_interval(secs => %(ahead_max_s)s)
                order by lane.partition
                for update of lane skip locked
            )
            update {self._schema}.outbox_cursors as lane
            set token = lane.token + 1,
                holder = %(holder)s,
                expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s),
                asked_by = null,
                asked_until = '-infinity'
            from free
            where lane.partition = free.partition
            returning lane.partition, lane.position, lane.token, lane.ctid::text
            """,
            {**self._columns(seats), "ttl_s": self._ttl_s, "ahead_max_s": AHEAD_MAX_S},
        )
        taken = {row[0]: Lane(*row) for row in await cursor.fetchall()}
        self.takeovers += sum(seat.was_left for seat in seats if seat.partition in taken)
        self.held = dict(sorted({**self.held, **taken}.items()))

    async def _give(self, session: Session, lanes: Sequence[Lane]) -> None:
        """Let others have `lanes`, whoever asked for one first."""
        self.statements += 1
        given = {lane.partition for lane in lanes}
        self._settle_on({number: lane for number, lane in self.held.items() if number not in given})
        await session.execute(
            f"""
            update {self._schema}.outbox_cursors as lane
            set expires_at = '-infinity',
                holder = null
            from unnest(%(partitions)s::smallint[], %(tokens)s::bigint[]) as mine (partition, token)
            where lane.partition = mine.partition
              and lane.token = mine.token
              and lane.holder = %(holder)s
            """,
            self._columns(lanes),
        )

    async def _ask(self, session: Session, seats: Sequence[Seat]) -> None:
        """Ask for lanes that others hold, unless somebody has asked for them already."""
        self.statements += 1
        await session.execute(
            f"""
            with wanted as (
                select lane.partition
                from {self._schema}.outbox_cursors as lane
                join unnest(%(partitions)s::smallint[], %(tokens)s::bigint[]) as seen (partition, token)
                  on lane.partition = seen.partition
                 and lane.token = seen.token
                where lane.asked_until <= clock_timestamp()
                   or lane.asked_until > clock_timestamp() + make_interval(secs => %(ahead_max_s)s)
                order by lane.partition
                for update of lane skip locked
            )
            update {self._schema}.outbox_cursors as lane
            set asked_by = %(holder)s,
                asked_until = clock_timestamp() + make_interval(secs => %(ttl_s)s)
            from wanted
            where lane.partition = wanted.partition
            """,
            {**self._columns(seats), "ttl_s": self._ttl_s, "ahead_max_s": AHEAD_MAX_S},
        )

    def _columns(self, lanes: Sequence[Lane | Seat]) -> dict[str, object]:
        """Return lanes as the columns of a statement, and who asks."""
        return {
            "partitions": [lane.partition for lane in lanes],
            "positions": [lane.position for lane in lanes],
            "tokens": [lane.token for lane in lanes],
            "holder": self._holder,
        }


def _is_same(seat: Seat | None, lane: Lane) -> bool:
    """Tell whether the lease that the table speaks of is the one held."""
    return seat is not None and seat.token == lane.token


def _to_lane(seat: Seat) -> Lane:
    """Return a lane from where the table says that it was published to."""
    return Lane(seat.partition, seat.position, seat.token)
