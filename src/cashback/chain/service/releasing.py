"""Letting held mints go again, in a person's name."""

from collections.abc import Sequence
from typing import Final

from cashback.chain.model import Person
from cashback.chain.service.halting import check_order
from cashback.chain.service.pulse import Pulse
from cashback.chain.store import holds, journal
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.kernel.telemetry import logger

RELEASED_MAX: Final = 100

log = logger(__name__)


class TooManyReleases(Invalid):
    """An order names more mints than one may."""

    code = "too_many_releases"


class Releases:
    """Lets mints that are held wait for a call again; may be repeated."""

    def __init__(self, database: Database, *, released: Pulse) -> None:
        """Act on this database; `released` beats when there is something to take."""
        self._database = database
        self._released = released

    async def release(self, numbers: Sequence[int], *, by: Person, because: str) -> list[int]:
        """Let those of the mints that are held wait for a call again, and return their numbers, lowest first.

        Raises:
            Invalid: too many, or who or why is empty or too long.
        """
        check_order(by, because)
        if len(numbers) > RELEASED_MAX:
            raise TooManyReleases(f"at most {RELEASED_MAX} mints are released at once, not {len(numbers)}")
        async with self._database.transaction() as tx:
            released = await holds.release(tx, [number for number in numbers if number >> 63 == 0])
            await journal.note(tx, "released", released, by=by, because=because)
        if released:
            log.warning("mints.released", numbers=sorted(released), by=by.name, why=because)
            self._released.beat()
        return sorted(released)
