"""Accepting mints: idempotent per number, and deaf to a number that comes with another fingerprint.

Keeps I2 and I3: a number is stored once, before anything is signed, with the recipient and amount it keeps for ever.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from cashback.chain.model import Address, Admission, Admitted, Conflicting, Mint, Unmintable
from cashback.chain.rules.admission import refusal
from cashback.chain.service.halting import HALTED
from cashback.chain.service.pulse import Pulse
from cashback.chain.store import halts, sightings
from cashback.chain.store import mints as store
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Invalid
from cashback.kernel.telemetry import logger

SUBMITTED_MAX: Final = 1_000

ACCEPTED: Final = Counter("cashback_chain_mints_accepted_total", "Mints stored for the first time.")
REFUSED: Final = Counter("cashback_chain_mints_refused_total", "Entries that were not stored.", ["reason"])

log = logger(__name__)


class TooManyMints(Invalid):
    """A submission holds more entries than one may."""

    code = "too_many_mints"


class Acceptance:
    """The way in."""

    def __init__(self, database: Database, *, reserved: frozenset[Address], accepted: Pulse) -> None:
        """Store into `database`; `reserved` recipients are refused, `accepted` beats when there is work."""
        self._database = database
        self._reserved = reserved
        self._accepted = accepted

    async def submit(self, mints: Sequence[Mint]) -> list[Admission]:
        """Return what became of each entry, in order; repeating a submission changes nothing.

        What the chain has refused for good is answered as what can never be minted: no outcome follows a second time.

        A conflict halts minting: one of two services has forgotten something, and nobody knows which.

        Raises:
            TooManyMints: more than `SUBMITTED_MAX`; nothing was stored.
            DatabaseUnavailable: nothing was stored, or the answer was lost; submit again.
        """
        if len(mints) > SUBMITTED_MAX:
            raise TooManyMints(f"at most {SUBMITTED_MAX} mints are taken at once, not {len(mints)}")
        refused = {place: refusal(mint, reserved=self._reserved) for place, mint in enumerate(mints)}
        async with self._database.transaction() as tx:
            known, fresh = await self._store(tx, [mint for place, mint in enumerate(mints) if not refused[place]])
            seen = known.keys() - fresh
            over = await store.refused(tx, sorted(seen)) if seen else {}
            admissions = [refused[place] or _admission(mint, known, over) for place, mint in enumerate(mints)]
            conflicts = [one for one in admissions if isinstance(one, Conflicting)]
            if conflicts:
                await halts.halt(tx, "number_with_other_fingerprint")
        self._tell(admissions, conflicts, len(fresh))
        return admissions

    async def _store(self, tx: Tx, mints: Sequence[Mint]) -> tuple[dict[int, Mint], frozenset[int]]:
        """Store what is new; return the mint that each number now stands for, and which were new."""
        if not mints:
            return {}, frozenset()
        await sightings.rely(tx)
        disputed = await sightings.used_otherwise(tx, mints)
        first = {mint.number: mint for mint in reversed(mints) if mint.number not in disputed}
        fresh = await store.admit(tx, list(first.values()))
        known = {number: first[number] for number in fresh}
        known |= await store.stored(tx, [mint.number for mint in mints if mint.number not in fresh])
        # After a rebuild the chain may already hold what is being asked for.
        await sightings.settle_used(tx, list(fresh))
        return known, fresh

    def _tell(self, admissions: Sequence[Admission], conflicts: Sequence[Conflicting], fresh: int) -> None:
        """Count and log what was decided, and wake the lanes."""
        ACCEPTED.inc(fresh)
        for one in admissions:
            if not isinstance(one, Admitted):
                REFUSED.labels(one.reason).inc()
        if conflicts:
            HALTED.set(1)
            log.critical("minting.halted", reason="number_with_other_fingerprint", numbers=_numbers(conflicts))
        invalid = [one for one in admissions if isinstance(one, Unmintable)]
        if invalid:
            log.warning("mints.refused", count=len(invalid), numbers=_numbers(invalid))
        if fresh:
            log.info("mints.accepted", count=fresh)
            self._accepted.beat()


def _admission(mint: Mint, known: dict[int, Mint], over: dict[int, str]) -> Admission:
    """Return the answer for one entry that could be minted; a number the chain has minted otherwise is not known.

    `over` are those that the chain has refused for good, with its reason.
    """
    if mint.number not in known:
        return Conflicting(mint.number, "number_minted_otherwise")
    if not known[mint.number].has_fingerprint_of(mint):
        return Conflicting(mint.number, "fingerprint_differs")
    if mint.number in over:
        return Unmintable(mint.number, over[mint.number])
    return Admitted(mint.number)


def _numbers(admissions: Sequence[Conflicting] | Sequence[Unmintable]) -> list[int]:
    """Return the first numbers, for a log line of bounded length."""
    return [one.number for one in admissions[:10]]
