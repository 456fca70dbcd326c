"""What `cashback mint list`, `mint show` and `reconcile` read; an auditor's role is enough."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from cashback.kernel.db import Database, lengthen_statements, long_statements
from cashback.kernel.errors import Invalid
from cashback.minting.model import Cursor, Mint, MintNotFound, MintState
from cashback.minting.store import cursor, readings

PAGE_MAX: Final = 1_000

WHOLE_S_MAX: Final = 3_600
"""How long one question about every mint may take."""


class Readings:
    """Where the mints stand."""

    def __init__(self, database: Database) -> None:
        """Read minting's database."""
        self._database = database

    async def page(
        self, *, after: int = 0, limit: int = 100, state: MintState | None = None, is_retired: bool | None = None
    ) -> list[Mint]:
        """Return up to `limit` mints (at most 1,000) with numbers above `after`; fewer than `limit` are the last.

        Of one `state` or of all; whose number is retired, is not, or both.

        Raises:
            Invalid: the limit is out of range.
        """
        if not 0 < limit <= PAGE_MAX:
            raise Invalid(f"the limit is between 1 and {PAGE_MAX}", pointer="limit")
        async with self._database.transaction() as tx:
            return await readings.page(tx, after=after, limit=limit, state=state, is_retired=is_retired)

    async def find(self, name: str) -> Mint:
        """Return the mint with a number, or the newest one for a cashback, whichever `name` is.

        Raises:
            MintNotFound: nobody requested it.
        """
        return await (self.show(int(name)) if name.isdecimal() else self.show_for(name))

    async def show(self, number: int) -> Mint:
        """Return the mint under `number`.

        Raises:
            MintNotFound: it was never requested.
        """
        async with self._database.transaction() as tx:
            mint = await readings.one(tx, number)
        if mint is None:
            raise MintNotFound(f"no mint has the number {number}", number=number)
        return mint

    async def show_for(self, cashback_id: str) -> Mint:
        """Return the mint for a cashback, under its newest number.

        Raises:
            MintNotFound: none was ever requested for it.
        """
        async with self._database.transaction() as tx:
            mint = await readings.one_for(tx, cashback_id)
        if mint is None:
            raise MintNotFound(f"no mint was requested for {cashback_id}", cashback_id=cashback_id)
        return mint

    async def counts(self) -> dict[MintState, int]:
        """Return how many mints are in each state; states without any are missing."""
        async with self._database.transaction() as tx:
            return await readings.counts(tx)

    async def stuck(self) -> int:
        """Return how many mints wait for a person, counted up to 1,000; one whose number is retired is over."""
        async with self._database.transaction() as tx:
            return await readings.stuck(tx, limit=PAGE_MAX)

    async def highest_number(self) -> int:
        """Return the highest number that was ever requested, 0 before the first."""
        async with self._database.transaction() as tx:
            return await readings.highest_number(tx)

    async def known(self, numbers: Sequence[int]) -> frozenset[int]:
        """Return which of some numbers were requested."""
        async with self._database.transaction() as tx:
            return await readings.known(tx, numbers)

    async def cursor(self) -> Cursor:
        """Return up to where the adapter's outcomes are applied."""
        async with self._database.transaction() as tx:
            return await cursor.read(tx)

    async def closed(self, *, to_block: int) -> tuple[int, int]:
        """Return how many mints are settled in blocks up to one, and the sum of their hashes.

        Raises:
            Unavailable: the database did not answer within `WHOLE_S_MAX` seconds.
        """
        async with self._database.transaction() as tx, long_statements(tx, within_s=WHOLE_S_MAX):
            return await readings.closed(tx, to_block=to_block)

    async def copy_open(self, *, after_block: int) -> AsyncGenerator[bytes]:
        """Yield every mint that is not settled in a block up to `after_block`, as `store.readings.copy_open` does.

        Raises:
            Unavailable: the database was lost on the way.
        """
        async with self._database.session() as session:
            await lengthen_statements(session, within_s=WHOLE_S_MAX)
            async with aclosing(readings.copy_open(session, after_block=after_block)) as parts:
                async for part in parts:
                    yield part
