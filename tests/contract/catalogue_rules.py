"""What a catalogue of events may differ in from the last one that was released."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cashback.kernel.published_patterns import published_pattern

Told = Mapping[str, Any]

# Words for people: no reader goes by them.
ANNOTATIONS: Final = frozenset({"title", "description", "examples"})


def differences(old: Told, new: Told) -> list[str]:
    """Return each change by which events of one release could not be read by the other, in either direction.

    What may come: a type, a version, and in a version a field with a default. A field that was there stays just as it
    was: narrowed, old events cannot be read; widened, whoever reads by the old schema cannot read new ones.
    """
    return [each for type_ in sorted(old) for each in _of_type(type_, old[type_], new.get(type_))]


def _of_type(type_: str, old: Told, new: Told | None) -> Iterator[str]:
    """Yield what changed of one type."""
    if new is None:
        yield f"{type_} is gone"
        return
    for name in ("source", "key", "subject"):
        if old[name] != new[name]:
            yield f"{type_}: its {name} was {old[name]}, and is {new[name]}"
    if new["version"] < old["version"]:
        yield f"{type_}: its version was {old['version']}, and is {new['version']}"
    for version, schema in old["schemas"].items():
        if version not in new["schemas"]:
            yield f"{type_}.{version} cannot be read any more"
        else:
            yield from _of_schema(f"{type_}.{version}", schema, new["schemas"][version])


def _of_schema(name: str, old: Told, new: Told) -> Iterator[str]:
    """Yield what changed of one version."""
    for field, told in old["properties"].items():
        if field not in new["properties"]:
            yield f"{name}: {field} is gone"
            continue
        if _bare(told) != _bare(new["properties"][field]):
            yield f"{name}: {field} was {_bare(told)}, and is {_bare(new['properties'][field])}"
        if (field in old.get("required", ())) != (field in new.get("required", ())):
            yield f"{name}: {field} is left out by one and wanted by the other"
    for field in new["properties"]:
        if field not in old["properties"] and field in new.get("required", ()):
            yield f"{name}: {field} is new, and has no default"
    rest = ("type", "additionalProperties", "$defs")
    if [_bare(old.get(one)) for one in rest] != [_bare(new.get(one)) for one in rest]:
        yield f"{name} is of another form"


def _bare(told: object) -> object:
    """Return a schema without what only people read; two patterns that let the same texts in are the same."""
    if isinstance(told, Mapping):
        return {
            name: published_pattern(one) if name == "pattern" and isinstance(one, str) else _bare(one)
            for name, one in told.items()
            if name not in ANNOTATIONS
        }
    if isinstance(told, list):
        return [_bare(one) for one in told]
    return told
