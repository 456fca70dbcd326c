"""Holding the adapter's memory against what its chain says; any role that may select may ask."""

from collections.abc import Mapping
from typing import Final

from cashback.chain.model import Address, MintStory, NonceFault
from cashback.chain.store import audit, cancellations, mints
from cashback.kernel.db import Database

FAULTS_MAX: Final = 1_000
ATTEMPTS_MAX: Final = 100


class Audit:
    """The auditor of one adapter's database."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def nonce_faults(self, final_nonces: Mapping[Address, int], *, final_block: int) -> list[NonceFault]:
        """Return the nonces that break I9, at most `FAULTS_MAX`; none when all is well.

        `final_nonces` is how many nonces of each signer the chain had used at `final_block`, up to which this database
        had followed it by then: so the answer is exact however much has happened since.
        """
        async with self._database.transaction() as tx:
            return await audit.nonce_faults(tx, final_nonces=final_nonces, final_block=final_block, limit=FAULTS_MAX)

    async def mint(self, number: int) -> MintStory | None:
        """Return a mint as the adapter knows it, at most `ATTEMPTS_MAX` attempts; None when it never came there."""
        async with self._database.transaction() as tx:
            views = await mints.views(tx, [number])
            attempts = await audit.attempts_at(tx, number, limit=ATTEMPTS_MAX)
            cancellation = await cancellations.view(tx, number)
        return MintStory(views[number], attempts, cancellation) if number in views else None
