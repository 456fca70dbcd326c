"""Sharing: which partitions of an ordered consumer a worker works off, so that all workers have as many.

    standby ──taken──▶ worked off ──asked for by another──▶ given once what is in hand is applied ──▶ standby

By the same decision as relays share their lanes (`cashback.kernel.shares`). A partition is held by the lease of its
tenure; a wish for it is a lease as well, of the name with `asked:` before it, for as long as the wish counts. So nobody
is registered anywhere, and who died asks for nothing and holds nothing as soon as its leases have run out.
"""

from collections.abc import Sequence
from contextlib import suppress

from cashback.kernel import lease
from cashback.kernel.bus.ordered.tenure import LEASE_TTL_S
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.shares import Seat, wish

ASKED = "asked:"


class Sharing:
    """One worker's part in sharing the partitions whose leases have these `names`, in the order of the partitions."""

    def __init__(self, database: Database, *, schema: str, names: Sequence[str], holder: str) -> None:
        """Have and ask for nothing yet; `holder` is no other worker's."""
        self._database = database
        self._schema = schema
        self._names = names
        self._holder = holder
        self._wishes: dict[int, int] = {}

    async def look(self) -> frozenset[int]:
        """Return which partitions are this worker's as the leases are now, or free for it, and ask for what it lacks.

        Raises:
            DatabaseUnavailable: nobody can tell; leases go on for as long as they last.
        """
        async with self._database.transaction() as tx:
            wished = wish(await self._seats(tx), me=self._holder)
            had = {seat.partition for seat in wished.keep}
            # A wish that has come true is none: others may ask for the partition again.
            for partition in sorted(had & self._wishes.keys()):
                await self._forget(tx, partition)
            for seat in sorted(wished.ask, key=lambda seat: seat.partition):
                await self._ask(tx, seat.partition)
        return frozenset(had | {seat.partition for seat in wished.take})

    async def end(self) -> None:
        """Ask for nothing any more, so that others need not wait for this worker's wishes to run out."""
        with suppress(Unavailable):
            async with self._database.transaction() as tx:
                for partition in sorted(self._wishes):
                    await self._forget(tx, partition)

    async def _ask(self, tx: Tx, partition: int) -> None:
        """Ask for a partition, unless another worker does."""
        name = ASKED + self._names[partition]
        token = await lease.acquire(tx, schema=self._schema, name=name, holder=self._holder, ttl_s=LEASE_TTL_S)
        if token is not None:
            self._wishes[partition] = token

    async def _forget(self, tx: Tx, partition: int) -> None:
        """Ask for a partition no more."""
        name = ASKED + self._names[partition]
        await lease.release(tx, schema=self._schema, name=name, token=self._wishes.pop(partition))

    async def _seats(self, tx: Tx) -> list[Seat]:
        """Return the partitions as their leases and wishes are at this moment, by the database's clock alone."""
        cursor = await tx.execute(
            f"""
            with running as (
                select name, token, holder
                from {self._schema}.leases
                where name = any(%(names)s::text[] || %(asked)s::text[])
                  and expires_at > clock_timestamp()
                  and expires_at <= clock_timestamp() + make_interval(secs => %(ahead_max_s)s)
            )
            select place - 1, 0, coalesce(held.token, 0), held.holder, asked.holder
            from unnest(%(names)s::text[], %(asked)s::text[]) with ordinality as given (name, wish, place)
            left join running as held on held.name = given.name
            left join running as asked on asked.name = given.wish
            order by place
            """,
            {
                "names": list(self._names),
                "asked": [ASKED + name for name in self._names],
                "ahead_max_s": lease.AHEAD_MAX * LEASE_TTL_S,
            },
        )
        return [Seat(*row) for row in await cursor.fetchall()]
