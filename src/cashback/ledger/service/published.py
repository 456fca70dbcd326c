"""Published rulesets as whoever decides keeps them: they never change, so each document is read once."""

from collections.abc import Mapping, Sequence
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model.engine import Published
from cashback.ledger.store import terms as store

RULESETS_KEPT: Final = 256


class PublishedRulesets:
    """Rulesets by id, of which about so many are kept; deciding one batch needs all of its own at once."""

    def __init__(self, *, kept_max: int = RULESETS_KEPT) -> None:
        """Keep none yet."""
        self._kept: dict[str, Published] = {}
        self._kept_max = kept_max

    async def of(self, tx: Tx, ids: Sequence[str]) -> Mapping[str, Published]:
        """Return the rulesets by id; only those that are not kept are read, in one statement."""
        found = {each: self._kept[each] for each in ids if each in self._kept}
        if len(found) == len(ids):
            return found
        read = {
            ruleset.id: ruleset for ruleset in await store.rulesets(tx, [each for each in ids if each not in found])
        }
        if len(self._kept) + len(read) > self._kept_max:
            self._kept.clear()
        self._kept.update(read)
        return found | read
