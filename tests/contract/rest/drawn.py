"""Requests drawn from the OpenAPI document: each operation's sound one, and every place in it that takes a text."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from cashback.kernel.ids import new_id

Schema: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[str | int, ...]

INSTANT: Final = "2026-03-01T14:00:00+02:00"
"""By another clock than the one that answers tell it by."""

_SOUND: Final = ("x", "1", "USD", "EUR", "5411", "gold", '"1"', '"0123456789abcdef"')
"""One of these is of every form that a text has; of a new form there is one to add."""

_RULES: Final = {"rules": [{"id": "base", "campaign": "cmp_1", "earns": {"kind": "percent", "rate_bps": 100}}]}
_NAMED: Final[Mapping[str, Any]] = {
    "currency": "USD",
    "accepts": ["EUR"],
    "document": _RULES,
    "types": ["token.minted"],
    "from": "2026-02-01T00:00:00Z",
    "until": "2026-04-01T00:00:00Z",
}
"""What the form alone does not tell; everything else is any text of its form."""


class Leaf(msgspec.Struct, frozen=True):
    """A place in a body that takes a text, and whether that is an instant."""

    place: Place
    is_instant: bool

    @property
    def pointer(self) -> str:
        """Return the place as a JSON pointer; no name of ours has anything to escape."""
        return "".join(f"/{step}" for step in self.place)


class Drawn(msgspec.Struct, frozen=True):
    """An operation with a sound request; `bodies` are one for each form that its body may have."""

    method: str
    template: str
    path: Mapping[str, Schema]
    query: Mapping[str, Schema]
    sound_query: Mapping[str, str]
    headers: Mapping[str, str]
    bodies: tuple[Any, ...]
    leaves: tuple[tuple[Leaf, ...], ...]

    @property
    def name(self) -> str:
        """Return how a person calls it."""
        return f"{self.method} {self.template}"

    def url(self, *, path: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> str:
        """Return where it is asked, with these parts of the path (as they are) and these parameters."""
        filled = self.template
        for name, schema in self.path.items():
            sound = "1" if _kind(schema) == "integer" else new_id("xyz")
            filled = filled.replace(f"{{{name}}}", (path or {}).get(name, sound))
        told = {**self.sound_query, **(query or {})}
        return f"{filled}?{urlencode(told, quote_via=quote)}" if told else filled


def operations(document: Mapping[str, Any], known: Mapping[str, str]) -> list[Drawn]:
    """Return every operation that wants an API key; its body names what is `known` by its members' names."""
    told = {**document, "known": {**_NAMED, **known}}
    drawn = [
        _drawn(told, method, template, operation)
        for template, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return [one for one in drawn if one.template.startswith("/v1/")]


def by_operation(document: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Drawn]:
    """Return the same by their names in the document, `operationId`."""
    names = {
        f"{method.upper()} {template}": operation["operationId"]
        for template, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return {names[one.name]: one for one in operations(document, known)}


def changed(body: Any, place: Place, value: object) -> Any:  # noqa: ANN401  # any JSON
    """Return a body that says something else at one place."""
    copy = deepcopy(body)
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return copy


def _drawn(document: Mapping[str, Any], method: str, template: str, operation: Mapping[str, Any]) -> Drawn:
    """Return one operation."""
    of: dict[str, dict[str, Schema]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.get("parameters", []):
        of[parameter["in"]][parameter["name"]] = parameter["schema"]
    required = {one["name"] for one in operation.get("parameters", []) if one.get("required")}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    forms = [] if body is None else body.get("oneOf", [body])
    sound = tuple(_sound(document, form) for form in forms)
    return Drawn(
        method=method.upper(),
        template=template,
        path=of["path"],
        query=of["query"],
        sound_query={name: _sound(document, of["query"][name], name) for name in of["query"] if name in required},
        headers={name: _sound(document, schema, name) for name, schema in of["header"].items() if name in required},
        bodies=sound,
        leaves=tuple(tuple(_leaves(document, form, ())) for form in forms),
    )


def _whole(document: Mapping[str, Any], schema: Schema) -> Schema:
    """Return a schema with what it refers to, and without the null that it allows."""
    if "$ref" in schema:
        return _whole(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "oneOf" in schema:
        [inner] = [_whole(document, one) for one in schema["oneOf"] if one.get("type") != "null"]
        return {**{name: value for name, value in schema.items() if name != "oneOf"}, **inner}
    return schema


def _kind(schema: Schema) -> str:
    """Return the JSON type that a schema wants."""
    if "oneOf" in schema:
        return next(_kind(one) for one in schema["oneOf"] if one.get("type") != "null")
    found: str = schema.get("type", "string")
    return found


def _sound(document: Mapping[str, Any], schema: Schema, name: str = "") -> Any:  # noqa: ANN401  # any JSON
    """Return a value of a schema, of an object with every member that it may have."""
    schema = _whole(document, schema)
    if name in document["known"]:
        return document["known"][name]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema["type"] == "object":
        return {member: _sound(document, inner, member) for member, inner in schema.get("properties", {}).items()}
    if schema["type"] == "array":
        return [_sound(document, schema["items"])]
    if schema["type"] != "string":
        return int(schema.get("minimum", 0)) if schema["type"] == "integer" else False
    return INSTANT if schema.get("format") == "date-time" else next(text for text in _SOUND if _is_of(text, schema))


def _is_of(text: str, schema: Schema) -> bool:
    """Tell whether a text is of a schema's form."""
    is_long_enough = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return is_long_enough and re.search(schema.get("pattern", ""), text) is not None


def _leaves(document: Mapping[str, Any], schema: Schema, place: Place) -> Iterator[Leaf]:
    """Yield every place of a schema that takes a text."""
    schema = _whole(document, schema)
    if "const" in schema or schema["type"] == "string":
        yield Leaf(place, schema.get("format") == "date-time")
    for member, inner in schema.get("properties", {}).items():
        yield from _leaves(document, inner, (*place, member))
    if schema["type"] == "array":
        yield from _leaves(document, schema["items"], (*place, 0))
