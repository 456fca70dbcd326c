"""Writes the golden corpus: decisions that the engine must give byte for byte for as long as its number stays.

    python -m tests.unit.ledger.engine.corpus

Each line of corpus.jsonl is a document, which holds all inputs but the ruleset, and the ruleset that decided it.
Documents of an engine that stand there already are never written again: whoever changes what the engine does raises
`ENGINE`, keeps the old one for old documents, and adds a corpus of the new one.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from cashback.kernel.money import Bps, Minor
from cashback.ledger.model import Counters, Facts, Ruleset
from cashback.ledger.model.engine import Published
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules import document_of
from cashback.ledger.rules import fold as fold_of_engine_1
from cashback.ledger.rules.engine import ENGINE, document_in_full, published
from tests.support.engine import CONVERSION, NOON, USD, Case, anything
from tests.unit.ledger.engine.test_reasons import DECISIONS, RULES

CORPUS: Final = Path(__file__).with_name("corpus.jsonl")
SEED: Final = 20_261_126
DRAWN: Final = 320


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision as it was stored, and the ruleset that decided it; engine 1 stored that itself."""

    document: str
    rules: Rules | None = None

    @property
    def ruleset(self) -> Published | None:
        """Return the ruleset as it was published."""
        return published(self.rules, id="rul_1", version=1) if self.rules is not None else None


def cases() -> list[Case]:
    """Return the hand-picked cases, one for each reason, and those drawn from the seed."""
    chance = Random(SEED)  # noqa: S311 - a seed, no secret
    picked = [one for _, _, one in DECISIONS] + [one for _, one in RULES]
    return picked + [anything(chance) for _ in range(DRAWN)]


def drawn() -> list[Entry]:
    """Return what the engine decides now."""
    return [Entry(document_in_full(one.judged()).decode(), one.rules) for one in cases()]


def of_engine_2() -> list[Entry]:
    """Return what engine 2 decided: the same of the same, for it saw nobody's waiting end."""
    same = [one for one in cases() if one.programme is None or one.programme.waited is None]
    judged = [msgspec.structs.replace(one.judged(), engine=2) for one in same]
    return [Entry(document_in_full(each).decode(), one.rules) for each, one in zip(judged, same, strict=True)]


def of_engine_1() -> list[Entry]:
    """Return decisions of the bare percentage."""
    chance = Random(SEED)  # noqa: S311 - a seed, no secret
    many = [
        Facts(
            merchant_id="mer_1",
            amount=Minor(chance.randint(0, 10_000)),
            currency=chance.choice(("USD", "EUR")),
            occurred_at=NOON,
            is_user_blocked=chance.randint(0, 9) == 9,
            is_merchant_active=chance.randint(0, 9) != 9,
        )
        for _ in range(20)
    ]
    ruleset = Ruleset(id="rul_1", programme_id="prg_1", version=1, currency=USD, rate=Bps(150))
    decided = fold_of_engine_1(many, ruleset, Counters(budget_left=Minor(600)), CONVERSION)
    return [Entry(document_of(each).decode()) for each in decided]


def stored() -> Iterator[Entry]:
    """Yield the committed entries."""
    for line in CORPUS.read_bytes().splitlines():
        yield msgspec.json.decode(line, type=Entry)


def main() -> None:
    """Write the corpus; refuse to touch what an engine of the same number has decided."""
    encoder = msgspec.json.Encoder(order="deterministic")
    if CORPUS.exists():
        kept = {entry.document for entry in stored()}
        fresh = [entry for entry in drawn() if entry.document not in kept]
        if fresh and any(f'"engine":"{ENGINE}"' in document for document in kept):
            raise SystemExit(f"{len(fresh)} decisions differ from those that engine {ENGINE} gave: raise ENGINE")
        lines = [encoder.encode(entry) for entry in [*stored(), *fresh]]
    else:
        lines = [encoder.encode(entry) for entry in [*of_engine_1(), *of_engine_2(), *drawn()]]
    CORPUS.write_bytes(b"\n".join(lines) + b"\n")


if __name__ == "__main__":
    main()
