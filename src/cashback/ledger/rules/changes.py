"""What differs between two rulesets, in words that a person signs: nothing where they decide alike."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

import msgspec

from cashback.ledger.model.problems import Change, ChangeKind
from cashback.ledger.model.rulesets import Rules

_NAMED: Final = {"rules": "rule", "groups": "group", "tiers": "tier"}


def diff(before: Rules, after: Rules) -> list[Change]:
    """Return every difference, in the order of the new document and then what was removed.

    Rules, groups and tiers are compared by their ids, so moving one is no difference; checks by their kind and action.
    """
    old, new = _plain(before), _plain(after)
    changes: list[Change] = []
    for name in ("rules", "groups", "tiers", "checks"):
        changes += _of_named(name, old.pop(name, []), new.pop(name, []))
    for name in sorted(old.keys() | new.keys()):
        changes += _of_values(f"/{name}", name, old.get(name), new.get(name))
    return changes


def _plain(rules: Rules) -> dict[str, object]:
    """Return a document as JSON has it."""
    return cast("dict[str, object]", msgspec.to_builtins(rules))


def _of_named(name: str, old: object, new: object) -> Iterator[Change]:
    """Yield what differs in a list whose members have names."""
    was, has = _by_name(name, old), _by_name(name, new)
    for key, (place, member) in has.items():
        if key not in was:
            yield Change(kind=ChangeKind.ADDED, pointer=f"/{name}/{place}", words=f"{key} is new", after=member)
        else:
            yield from _of_values(f"/{name}/{place}", key, was[key][1], member)
    for key, (place, member) in was.items():
        if key not in has:
            yield Change(kind=ChangeKind.REMOVED, pointer=f"/{name}/{place}", words=f"{key} is gone", before=member)


def _by_name(name: str, members: object) -> dict[str, tuple[int, object]]:
    """Return the members of a list by what people call them; of two with one name the second is told apart."""
    found: dict[str, tuple[int, object]] = {}
    for place, member in enumerate(cast("list[dict[str, object]]", members)):
        key = f"{_NAMED[name]} {member['id']}" if name in _NAMED else f"check {member['kind']}, {member['action']}"
        while key in found:
            key += " (again)"
        found[key] = (place, member)
    return found


def _of_values(pointer: str, what: str, old: object, new: object) -> Iterator[Change]:
    """Yield what differs between two values, as deep as both are objects of one kind."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.get("kind") == new.get("kind"):
        for name in sorted(old.keys() | new.keys()):
            yield from _of_values(f"{pointer}/{name}", f"{what}: {name}", old.get(name), new.get(name))
    elif old is None:
        yield Change(kind=ChangeKind.ADDED, pointer=pointer, words=f"{what} becomes {_said(new)}", after=new)
    elif new is None:
        words = f"{what} was {_said(old)} and is not set any more"
        yield Change(kind=ChangeKind.REMOVED, pointer=pointer, words=words, before=old)
    else:
        words = f"{what} was {_said(old)} and becomes {_said(new)}"
        yield Change(kind=ChangeKind.CHANGED, pointer=pointer, words=words, before=old, after=new)


def _said(value: object) -> str:
    """Return a value as a person reads it, a long one by its beginning."""
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="deterministic").decode()
    return text if len(text) <= _SAID_MAX else f"{text[:_SAID_MAX]}..."


_SAID_MAX: Final = 120
