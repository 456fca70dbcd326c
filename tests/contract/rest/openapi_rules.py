"""What an OpenAPI document may differ in from that of the last release: nobody who relies on it has to change.

What callers send must still be taken, and what they are answered must still be what they were told: a request may only
be widened, an answer only be told more of. Whoever reads an answer ignores members that they do not know, and takes a
value that they do not know for one of those; so both may come.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.contract.rest.schema_rules import Documents, Side, differences_of_schemas

Told = Mapping[str, Any]

SUCCESS: Final = ("200", "201")


def differences(old: Told, new: Told) -> list[str]:
    """Return each change between two documents by which somebody who goes by the old one would break."""
    both = Documents(old, new)
    return [each for path, method, operation in _operations(old) for each in _of(both, path, method, operation)]


def _operations(document: Told) -> Iterator[tuple[str, str, Told]]:
    """Yield path, method and operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _of(both: Documents, path: str, method: str, before: Told) -> Iterator[str]:
    """Yield what changed of one operation."""
    name = f"{method.upper()} {path}"
    after = both.new["paths"].get(path, {}).get(method)
    if after is None:
        yield f"{name} is gone"
        return
    if before["operationId"] != after["operationId"]:
        yield f"{name}: its name was {before['operationId']}, and is {after['operationId']}"
    if before.get("security") != after.get("security"):
        yield f"{name}: its scope was {_scope(before)}, and is {_scope(after)}"
    yield from _of_parameters(both, name, before, after)
    yield from _of_bodies(both, name, before, after)
    yield from _of_answers(both, name, before["responses"], after["responses"])


def _scope(operation: Told) -> str:
    """Return what a key must have been made for, in words."""
    return (
        ", ".join(scope for one in operation.get("security", []) for scopes in one.values() for scope in scopes)
        or "none"
    )


def _of_parameters(both: Documents, name: str, before: Told, after: Told) -> Iterator[str]:
    """Yield what changed of the parameters of an operation."""
    were, are = [{(one["in"], one["name"]): one for one in each.get("parameters", [])} for each in (before, after)]
    for place, was in were.items():
        where = f"{name}: {place[1]}"
        if place not in are:
            yield f"{where} is gone"
            continue
        if are[place]["required"] and not was["required"]:
            yield f"{where} is required"
        yield from differences_of_schemas(both, where, (was["schema"], are[place]["schema"]), Side.REQUEST)
    for place, one in are.items():
        if place not in were and one["required"]:
            yield f"{name}: {place[1]} is new, and required"


def _of_bodies(both: Documents, name: str, before: Told, after: Told) -> Iterator[str]:
    """Yield what changed of the body that an operation takes."""
    was, is_ = before.get("requestBody", {}), after.get("requestBody", {})
    if is_.get("required", False) and not was.get("required", False):
        yield f"{name}: a body is required"
    for kind, content in was.get("content", {}).items():
        if kind not in is_.get("content", {}):
            yield f"{name}: {kind} is not taken any more"
        else:
            pair = (content["schema"], is_["content"][kind]["schema"])
            yield from differences_of_schemas(both, f"{name}: body", pair, Side.REQUEST)


def _of_answers(both: Documents, name: str, before: Told, after: Told) -> Iterator[str]:
    """Yield what changed of the answers of an operation; problems it may meet may come and go."""
    were, are = [[status for status in each if status in SUCCESS] for each in (before, after)]
    if were != are:
        yield f"{name}: its status was {', '.join(were)}, and is {', '.join(are)}"
    for status in before.keys() & after.keys():
        for header in before[status].get("headers", {}).keys() - after[status].get("headers", {}).keys():
            yield f"{name}: {status} has no {header} any more"
        contents = after[status].get("content", {})
        for kind, content in before[status].get("content", {}).items():
            if kind not in contents:
                yield f"{name}: {status} is {kind} no more"
            else:
                pair = (content["schema"], contents[kind]["schema"])
                yield from differences_of_schemas(both, f"{name}: {status}", pair, Side.ANSWER)
