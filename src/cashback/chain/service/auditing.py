"""Holding the adapter's memory against what its chain says; any role that may select may ask."""

from collections.abc import Mapping
from typing import Final

from cashback.chain.model import Address, NonceFault
from cashback.chain.store import audit
from cashback.kernel.db import Database

FAULTS_MAX: Final = 1_000


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
