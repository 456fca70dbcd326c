"""Deciding everything anew: each stored decision from its stored inputs, which must come back byte for byte."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.ledger.model.engine import Published
from cashback.ledger.model.replays import DecisionDiffers, Replayed
from cashback.ledger.rules import ENGINE as BARE_ENGINE
from cashback.ledger.rules import engine_of, replay
from cashback.ledger.rules.engine import RulesetDiffers, judgement_of
from cashback.ledger.store import decisions, terms

PAGE: Final = 1_000
DIFFERENCES_MAX: Final = 100
"""Most differences that are told one by one; all of them are counted."""


class Replays:
    """Replays stored decisions; any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def run(self, *, since: datetime | None, reached: Callable[[int], None]) -> Replayed:
        """Return how many decisions were replayed, a page at a time, and which of them came back as another.

        `since` leaves out what was decided before it; `reached` is told how many more were replayed.
        """
        after, count, wrong = ("", 0), 0, list[DecisionDiffers]()
        different = 0
        while True:
            async with self._database.transaction() as tx:
                found = await decisions.page(tx, after=after, since=since, limit=PAGE)
                rulesets = await _rulesets(tx, [document for _, _, document in found])
            for cashback_id, _, document in found:
                if (problem := _problem(document, rulesets)) is not None:
                    different += 1
                    if len(wrong) < DIFFERENCES_MAX:
                        wrong.append(DecisionDiffers(cashback_id=cashback_id, detail=problem))
            count += len(found)
            reached(len(found))
            if len(found) < PAGE:
                return Replayed(decisions=count, different=different, differences=tuple(wrong))
            after = found[-1][:2]


async def _rulesets(tx: Tx, documents: Sequence[bytes]) -> Mapping[str, Published]:
    """Return the rulesets that some decisions name, by id."""
    named = {_named(document) for document in documents} - {None}
    ids = sorted(name for name in named if name is not None)
    return {ruleset.id: ruleset for ruleset in await terms.rulesets(tx, ids)} if ids else {}


def _named(document: bytes) -> str | None:
    """Return the ruleset that a decision names; those of the first engine hold theirs, and what nobody reads none."""
    try:
        if engine_of(document) == BARE_ENGINE:
            return None
        ruleset = judgement_of(document).ruleset
    except msgspec.MsgspecError:
        return None
    return ruleset.id if ruleset is not None else None


def _problem(document: bytes, rulesets: Mapping[str, Published]) -> str | None:
    """Return what is wrong with a decision, None when it replays to its own bytes."""
    name = _named(document)
    try:
        again = replay(document, rulesets.get(name) if name is not None else None)
    except RulesetDiffers:
        return f"its ruleset {name} is not stored here as it was"
    except (msgspec.MsgspecError, ValueError) as error:
        return f"it cannot be read: {error}"
    return None if again == document else "it decides otherwise now"
