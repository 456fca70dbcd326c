"""A person who cancels mints at any moment, and a ledger that requests what was retired under another number.

Both ask again until they are answered, and neither knows more than the adapter has told.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import psycopg

from cashback.chain.model import Mint, Person
from tests.simulation.faults import Faults
from tests.simulation.process import Process

_OPERATOR: Final = Person("operator")
_UNKNOWN: Final = 0.2
"""How often what is cancelled was never submitted."""
_RETIRED: Final = """
select distinct number
from chain.outcomes
join chain.mints using (number)
where outcomes.kind = 'failed'
  and mints.reason = 'number_retired'
order by number
"""
"""What a reader was told: a retirement is told again after a recovery, and what is only included is told nobody."""


class Orders:
    """Which mints are to be cancelled, which were, and which cashback is requested again."""

    def __init__(self, faults: Faults, *, witness: psycopg.Connection, wanted: dict[int, Mint]) -> None:
        """Choose by `faults` among the mints in `wanted`, to which those that are only cancelled are added."""
        self.cancelled: set[int] = set()
        self._faults = faults
        self._witness = witness
        self._wanted = wanted
        self._succeeded: set[int] = set()
        self._unanswered: dict[int, Mint] = {}

    def choose(self, new: Callable[[], Mint]) -> list[int]:
        """Choose a mint to be cancelled beside those whose order was not answered; return the numbers of all."""
        is_unknown = not self._wanted or self._faults.share() < _UNKNOWN
        chosen = new() if is_unknown else self._faults.one_of(list(self._wanted.values()))
        self._wanted.setdefault(chosen.number, chosen)
        self._unanswered[chosen.number] = chosen
        # From now on: an order whose answer is lost may have been noted.
        self.cancelled.add(chosen.number)
        return list(self._unanswered)

    async def give(self, process: Process) -> None:
        """Order what was not answered yet, and forget what is answered."""
        if self._unanswered:
            asked = list(self._unanswered.values())
            await process.parts.cancellations.cancel(asked, by=_OPERATOR, because="a drill")
            self._unanswered = {}

    def successors(self, first: int) -> list[Mint]:
        """Return mints under new numbers, from `first` on, for each cashback whose number is told to be retired."""
        retired = [row[0] for row in self._witness.execute(_RETIRED).fetchall() if row[0] not in self._succeeded]
        self._succeeded |= set(retired)
        return [
            msgspec.structs.replace(self._wanted[number], number=first + place) for place, number in enumerate(retired)
        ]
