"""Recovering a restored ledger: it adopts what others know of its cashbacks, lists what it lost, and counts on above.

    records of minting ──▶ adopted: requested once more under the same number, so that minting tells the outcome again
                      └──▶ listed: a person decides
    all scanned        ──▶ sequence above every known number, fence open; one transaction

Each stretch is a transaction of its own, and all of it may be repeated: what was adopted is known the next time.
"""

from collections.abc import Sequence

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.telemetry import logger
from cashback.ledger.model import Accounted, Adoption, MintRecord
from cashback.ledger.rules import account_for_all, adopted
from cashback.ledger.service.requests import MintPolicy, freeze
from cashback.ledger.store import fence, recovery

log = logger(__name__)


class Recovery:
    """Accounts for numbers in the name of the ledger's worker, whose role is enough."""

    def __init__(self, database: Database, *, clock: Clock, policy: MintPolicy | None = None) -> None:
        """Recover the ledger in `database`."""
        self._database = database
        self._clock = clock
        self._policy = policy or MintPolicy()
        # What a dry run would have adopted so far; one entry per cashback whose request the ledger has forgotten.
        self._promised: dict[str, int] = {}

    async def adopt(self, records: Sequence[MintRecord], *, is_dry_run: bool) -> list[Accounted]:
        """Return what the ledger did not know of these, in their order, having adopted what can be; one transaction.

        With `is_dry_run` nothing is changed, but what would be is taken into account for the rest of this recovery.

        Raises:
            BooksMoved: a cashback changed under its lock; nothing was changed.
        """
        async with self._database.transaction() as tx:
            numbers = [record.number for record in records]
            found = await recovery.lock_standing(
                tx, cashback_ids=[record.cashback_id for record in records], numbers=numbers
            )
            # Asked once the cashbacks are locked: none of them gives its number up any more.
            given_up = await recovery.given_up(tx, numbers)
            standings = [adopted(one, self._promised[one.id]) if one.id in self._promised else one for one in found]
            judged = account_for_all(records, standings=standings, given_up=given_up)
            adoptions = [one.cashback for one in judged if isinstance(one, Adoption)]
            if adoptions and not is_dry_run:
                await freeze(tx, adoptions, cause="recovered", now=self._clock.now(), policy=self._policy)
        if is_dry_run:
            self._promised |= {one.id: one.mint_number for one in adoptions}
        elif adoptions:
            log.warning("cashbacks.adopted", count=len(adoptions), first=adoptions[0].mint_number)
        return [one.accounted if isinstance(one, Adoption) else one for one in judged if one is not None]

    async def unknown(self, numbers: Sequence[int]) -> frozenset[int]:
        """Return which of some numbers no cashback of the ledger has."""
        async with self._database.transaction() as tx:
            return frozenset(numbers) - await recovery.given_out(tx, numbers)

    async def accounted_to(self) -> int:
        """Return the highest number that the ledger has given out, or that was accounted for before."""
        async with self._database.transaction() as tx:
            return await fence.accounted_to(tx)

    async def reopen(self, known: int) -> int:
        """Have the sequence go on above `known` and all that the ledger knows, open the fence, and return above what.

        From then on this server gives out numbers again.
        """
        async with self._database.transaction() as tx:
            most = max(known, await fence.accounted_to(tx))
            await fence.account_for(tx, most)
        log.warning("numbers.accounted_for", up_to=most)
        return most
