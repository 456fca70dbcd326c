"""Deciding anew: stored decisions, all or one cashback's, from their inputs; they must come back byte for byte."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.ledger.model import CashbackUnknown
from cashback.ledger.model.audits import StoredDecision, StoredDecisions
from cashback.ledger.model.engine import Published
from cashback.ledger.model.replays import DecisionDiffers, Replayed
from cashback.ledger.rules import ENGINE as BARE_ENGINE
from cashback.ledger.rules import engine_of, replay
from cashback.ledger.rules.engine import RulesetDiffers, judgement_of
from cashback.ledger.store import decisions, readings, terms

PAGE: Final = 1_000
DIFFERENCES_MAX: Final = 100
"""Most differences that are told one by one; all of them are counted."""

DECISIONS_MAX: Final = 100
"""Most decisions of one cashback; it is decided once, and again when budget comes for what waited."""


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

    async def stored(self, cashback_id: str) -> StoredDecisions:
        """Return the decisions of one cashback as they are stored, the first one first.

        Raises:
            CashbackUnknown: there is no such cashback.
        """
        async with self._database.transaction() as tx:
            found = await _decisions_of(tx, cashback_id)
        return StoredDecisions(
            items=[
                StoredDecision(
                    cashback_id=cashback_id,
                    sequence=sequence,
                    engine=_engine(document),
                    ruleset_id=_named(document),
                    sha256=sha256(document).hexdigest(),
                    document=document.decode(errors="replace"),
                )
                for sequence, document in found
            ]
        )

    async def of_cashback(self, cashback_id: str) -> Replayed:
        """Return what deciding one cashback anew has found: each of its decisions, and which came back as another.

        Raises:
            CashbackUnknown: there is no such cashback.
        """
        async with self._database.transaction() as tx:
            documents = [document for _, document in await _decisions_of(tx, cashback_id)]
            rulesets = await _rulesets(tx, documents)
        problems = [problem for document in documents if (problem := _problem(document, rulesets)) is not None]
        return Replayed(
            decisions=len(documents),
            different=len(problems),
            differences=tuple(DecisionDiffers(cashback_id=cashback_id, detail=problem) for problem in problems),
        )


async def _decisions_of(tx: Tx, cashback_id: str) -> list[tuple[int, bytes]]:
    """Return the decisions of one cashback, at most `DECISIONS_MAX`.

    Raises:
        CashbackUnknown: there is no such cashback.
    """
    if await readings.by_id(tx, cashback_id) is None:
        raise CashbackUnknown("there is no such cashback", parameter="cashback_id")
    return await decisions.of_cashback(tx, cashback_id, limit=DECISIONS_MAX)


async def _rulesets(tx: Tx, documents: Sequence[bytes]) -> Mapping[str, Published]:
    """Return the rulesets that some decisions name, by id."""
    named = {_named(document) for document in documents} - {None}
    ids = sorted(name for name in named if name is not None)
    return {ruleset.id: ruleset for ruleset in await terms.rulesets(tx, ids)} if ids else {}


def _engine(document: bytes) -> int | None:
    """Return the engine that decided, None of what nobody reads."""
    try:
        return engine_of(document)
    except msgspec.MsgspecError:
        return None


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
