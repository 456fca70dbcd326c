"""Cancelling mints in a person's name: noted first, then retired on the chain by a lane (I2, I3).

A mint that is not known here is stored as cancelled, so that a request for it that arrives later finds it so. What is
cancelled is carried by no further call; what carries it already races with the retirement, and the contract decides.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from cashback.chain.model import CancelAnswer, Conflicting, Mint, Person
from cashback.chain.rules.admission import uncancellable
from cashback.chain.rules.retiring import answer
from cashback.chain.service.halting import HALTED, check_order
from cashback.chain.service.pulse import Pulse
from cashback.chain.store import cancellations, halts, journal, sightings
from cashback.chain.store import mints as store
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Invalid
from cashback.kernel.telemetry import logger

CANCELLED_MAX: Final = 100

CANCELLED: Final = Counter("cashback_chain_mints_cancelled_total", "Mints whose cancellation was ordered.")

log = logger(__name__)


class TooManyCancellations(Invalid):
    """An order holds more entries than one may."""

    code = "too_many_cancellations"


class CancelledTwice(Invalid):
    """An order names one number twice."""

    code = "cancelled_twice"


class Cancellations:
    """Takes orders to cancel mints; all may be repeated, and then tell how far they are."""

    def __init__(self, database: Database, *, ordered: Pulse) -> None:
        """Note in `database`; `ordered` beats when there is something to retire."""
        self._database = database
        self._ordered = ordered

    async def cancel(self, mints: Sequence[Mint], *, by: Person, because: str) -> list[CancelAnswer]:
        """Cancel what nothing has settled, and return how far each cancellation is, in order.

        A number that is known with another fingerprint halts minting, as it does when it is submitted.

        Raises:
            Invalid: too many, one number twice, or who or why is empty or too long; nothing was noted.
            DatabaseUnavailable: nothing was noted, or the answer was lost; order it again.
        """
        check_order(by, because)
        if len(mints) > CANCELLED_MAX:
            raise TooManyCancellations(f"at most {CANCELLED_MAX} mints are cancelled at once, not {len(mints)}")
        if len({mint.number for mint in mints}) != len(mints):
            raise CancelledTwice("each number can be named once")
        refused = {mint.number: problem for mint in mints if (problem := uncancellable(mint)) is not None}
        async with self._database.transaction() as tx:
            noted, news = await self._note(
                tx, [mint for mint in mints if mint.number not in refused], by=by, because=because
            )
            answers = [refused.get(mint.number) or noted[mint.number] for mint in mints]
            conflicts = [one.number for one in answers if isinstance(one, Conflicting)]
            if conflicts:
                await halts.halt(tx, "number_with_other_fingerprint")
        self._tell(news, conflicts, by=by, because=because)
        return answers

    async def _note(
        self, tx: Tx, mints: Sequence[Mint], *, by: Person, because: str
    ) -> tuple[dict[int, CancelAnswer], frozenset[int]]:
        """Store what is unknown, cancel what is not settled; return the answer for each number, and what was news."""
        if not mints:
            return {}, frozenset()
        # Before any row is locked, as acceptance does: whoever takes back what was seen holds this one first, too.
        await sightings.rely(tx)
        disputed = await sightings.used_otherwise(tx, mints)
        fresh = await store.admit(tx, [mint for mint in mints if mint.number not in disputed])
        # The chain may have used the number before: then there is a verdict, and nothing to cancel.
        await sightings.settle_used(tx, list(fresh))
        known = await store.stored(tx, [mint.number for mint in mints])
        same = [mint.number for mint in mints if mint.number in known and known[mint.number].has_fingerprint_of(mint)]
        news = await cancellations.order(tx, same)
        await journal.note(tx, "cancelled", news, by=by, because=because)
        found = await cancellations.standing(tx, same)
        answers: dict[int, CancelAnswer] = {number: answer(found[number]) for number in same}
        for mint in mints:
            reason = "fingerprint_differs" if mint.number in known else "number_minted_otherwise"
            answers.setdefault(mint.number, Conflicting(mint.number, reason))
        return answers, news

    def _tell(self, news: frozenset[int], conflicts: Sequence[int], *, by: Person, because: str) -> None:
        """Count and log what was noted, and wake the lanes."""
        if conflicts:
            HALTED.set(1)
            log.critical("minting.halted", reason="number_with_other_fingerprint", numbers=list(conflicts))
        if news:
            CANCELLED.inc(len(news))
            log.warning("mints.cancelled", numbers=sorted(news), by=by.name, why=because)
            self._ordered.beat()
