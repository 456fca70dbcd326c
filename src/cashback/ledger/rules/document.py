"""A decision as it is stored: canonical JSON of everything it saw and said, whole numbers as strings.

It holds no user and no purchase id: facts about a person stay in the rows that point here.
"""

from functools import lru_cache
from typing import Final

import msgspec

from cashback.ledger.model import Conversion, Decided, Ruleset
from cashback.ledger.model.engine import Published
from cashback.ledger.rules.decide import ENGINE, decide
from cashback.ledger.rules.engine import replay_in_full

_encoder: Final = msgspec.json.Encoder(order="deterministic")


def document_of(decided: Decided) -> bytes:
    """Return the one document of a decision; equal decisions have equal bytes."""
    return _encoder.encode(
        {
            "engine": str(decided.engine),
            "facts": _in_strings(msgspec.to_builtins(decided.facts)),
            "ruleset": _terms(decided.ruleset),
            "counters": _in_strings(msgspec.to_builtins(decided.counters)),
            "conversion": _terms(decided.conversion),
            "decision": _in_strings(msgspec.to_builtins(decided.decision)),
        }
    )


def decided_of(document: bytes) -> Decided:
    """Return the decision that `document_of` wrote.

    Raises:
        msgspec.ValidationError: it was not written by us.
    """
    return msgspec.convert(msgspec.json.decode(document), type=Decided, strict=False)


class _Stored(msgspec.Struct):
    """What every engine's documents have."""

    engine: str


def engine_of(document: bytes) -> int:
    """Return which engine decided.

    Raises:
        msgspec.ValidationError: it was not written by us.
    """
    return int(msgspec.json.decode(document, type=_Stored).engine)


def replay(document: bytes, ruleset: Published | None = None) -> bytes:
    """Decide anew from the inputs that `document` stored; a sound document comes back byte for byte.

    `ruleset` is the one that a document of engine 2 or 3 names; those of engine 1 hold theirs.

    Raises:
        RulesetDiffers: it was decided by another ruleset.
    """
    if engine_of(document) != ENGINE:
        return replay_in_full(document, ruleset)
    stored = decided_of(document)
    decision = decide(stored.facts, stored.ruleset, stored.counters, stored.conversion)
    return document_of(msgspec.structs.replace(stored, decision=decision))


@lru_cache(maxsize=64)
def _terms(terms: Ruleset | Conversion | None) -> object:
    """Return what many decisions share, made once."""
    return _in_strings(msgspec.to_builtins(terms))


def _in_strings(value: object) -> object:
    """Return `value` with every whole number as a decimal string, so that no JSON reader rounds it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {name: _in_strings(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_in_strings(part) for part in value]
    return value
