"""What `cashback mint list`, `mint show` and `reconcile` read; an auditor's role is enough."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.minting.model import Cursor, Mint, MintNotFound, MintState
from cashback.minting.store import cursor, readings

PAGE_MAX: Final = 1_000


class Readings:
    """Where the mints stand."""

    def __init__(self, database: Database) -> None:
        """Read minting's database."""
        self._database = database

    async def page(self, *, after: int = 0, limit: int = 100, state: MintState | None = None) -> list[Mint]:
        """Return up to `limit` mints (at most 1,000) with numbers above `after`; fewer than `limit` are the last.

        Raises:
            Invalid: the limit is out of range.
        """
        if not 0 < limit <= PAGE_MAX:
            raise Invalid(f"the limit is between 1 and {PAGE_MAX}", pointer="limit")
        async with self._database.transaction() as tx:
            return await readings.page(tx, after=after, limit=limit, state=state)

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
