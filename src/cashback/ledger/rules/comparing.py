"""What differs between two rulesets, part by part: parts that have an id are told apart by it, not by their place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from cashback.ledger.model.drafts import Change
from cashback.ledger.model.rulesets import Rules

CHANGES_MAX: Final = 1_000
"""How many differences are told; two rulesets with more have little in common."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(Rules)


def canonical(rules: Rules) -> bytes:
    """Return the bytes that a ruleset is stored, hashed and replayed as: the same for the same rules."""
    return _encoder.encode(rules)


def rules_of(document: bytes) -> Rules:
    """Return the ruleset of stored bytes.

    Raises:
        ValidationError: they are none of ours.
    """
    return _decoder.decode(document)


def diff(before: Rules, after: Rules) -> tuple[Change, ...]:
    """Return what changed from one ruleset to the other, by pointer; at most `CHANGES_MAX`, nothing when they agree.

    The order of rules, groups and tiers decides nothing and is no difference.
    """
    found = _changes("", msgspec.to_builtins(before), msgspec.to_builtins(after))
    return tuple(sorted(found, key=lambda change: change.pointer))[:CHANGES_MAX]


def _changes(at: str, before: Any, after: Any) -> Iterator[Change]:  # noqa: ANN401  # any JSON
    """Yield the differences of two values at one place."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _member(f"{at}/{name}", name, before, after)
    elif _is_named(before) and _is_named(after):
        yield from _changes(at, {part["id"]: part for part in before}, {part["id"]: part for part in after})
    elif before != after:
        yield Change(pointer=at, before=_text(before), after=_text(after))


def _member(at: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the differences of one member that may be absent on either side."""
    if name in before and name in after:
        yield from _changes(at, before[name], after[name])
    elif name in before:
        yield from _changes(at, before[name], _nothing(before[name]))
    else:
        yield from _changes(at, _nothing(after[name]), after[name])


def _nothing(other: Any) -> Any:  # noqa: ANN401  # any JSON
    """Return what stands for nothing beside a value: no parts beside named parts, so that each is told by itself."""
    return [] if _is_named(other) and other else None


def _is_named(value: Any) -> bool:  # noqa: ANN401  # any JSON
    """Tell whether a value is a list of parts that have ids, each another one."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    names = [part.get("id") if isinstance(part, Mapping) else None for part in value]
    return None not in names and len(set(names)) == len(names)


def _text(value: Any) -> str | None:  # noqa: ANN401  # any JSON
    """Return a value as JSON text, None for nothing."""
    return None if value is None else _encoder.encode(value).decode()
