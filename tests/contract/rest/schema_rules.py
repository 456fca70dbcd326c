"""What a schema of a request may differ in, and one of an answer: the one may take more, the other tell more.

What two documents have alike, with all that it refers to, is not gone into: thousands of places refer to a few schemas.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

from cashback.kernel.published_patterns import published_pattern

Told: TypeAlias = Mapping[str, Any]
Pair: TypeAlias = tuple[Told, Told]

_LOWEST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SCHEMAS: Final = "#/components/schemas/"
_FORMS: Final = ("pattern", "format", "const")


class Side(Enum):
    """Who writes what a schema tells of, and so in which direction it may change."""

    REQUEST = "request"
    ANSWER = "answer"


class Documents:
    """Two documents, of which the second follows the first; neither may change meanwhile."""

    def __init__(self, old: Told, new: Told) -> None:
        """Find out which of their schemas are alike, down to the last that they refer to."""
        self.old, self.new = old, new
        were, are = [each["components"]["schemas"] for each in (old, new)]
        self.alike = {name for name in were.keys() & are.keys() if were[name] == are[name]}
        told_of = {name: set(_told_of(were[name])) for name in self.alike}
        while changed := {name for name in self.alike if not told_of[name] <= self.alike}:
            self.alike -= changed


def differences_of_schemas(documents: Documents, where: str, pair: Pair, side: Side) -> list[str]:
    """Return what breaks whoever goes by the first of a pair of schemas, each of its document."""
    return _Comparison(documents, side).of(where, pair)


class _Comparison:
    """One comparison of two schemas; what is within itself is not gone into again."""

    def __init__(self, documents: Documents, side: Side) -> None:
        """Look up what schemas refer to in these documents."""
        self._old, self._new, self._side = documents.old, documents.new, side
        self._alike = {f"{_SCHEMAS}{name}" for name in documents.alike}
        self._within: list[tuple[str, str]] = []

    def of(self, where: str, pair: Pair) -> list[str]:
        """Return what breaks, of every form that the values may have."""
        names = (str(pair[0].get("$ref", "")), str(pair[1].get("$ref", "")))
        if all(names) and (names in self._within or (names[0] == names[1] and names[0] in self._alike)):
            return []
        self._within.append(names)
        found = self._of_forms(where, pair)
        self._within.pop()
        return found

    def _of_forms(self, where: str, pair: Pair) -> list[str]:
        """Return what breaks: each form that may be sent is to be known still, each that may be answered was known."""
        were, are = list(_forms(self._old, pair[0])), list(_forms(self._new, pair[1]))
        found: list[str] = []
        given, known = (were, are) if self._side is Side.REQUEST else (are, were)
        for form in given:
            alike = [other for other in known if _kind(other) in (_kind(form), "any")]
            if not alike:
                verb = "is not taken any more" if self._side is Side.REQUEST else "may be answered now"
                found.append(f"{where}: {_kind(form)} {verb}")
                continue
            pairs = [(form, other) if self._side is Side.REQUEST else (other, form) for other in alike]
            each = [list(self._of_form(where, one)) for one in pairs]
            fewest: list[str] = min(each, key=len)
            found += fewest
        return found

    def _of_form(self, where: str, pair: Pair) -> Iterator[str]:
        """Yield what breaks, of values of one type."""
        was, is_ = pair
        yield from self._of_values(where, was, is_)
        yield from self._of_members(where, was, is_)
        for name in ("items", "additionalProperties"):
            inner = (was.get(name), is_.get(name))
            if isinstance(inner[0], Mapping) and isinstance(inner[1], Mapping):
                yield from self.of(f"{where}/*", (inner[0], inner[1]))

    def _of_values(self, where: str, was: Told, is_: Told) -> Iterator[str]:
        """Yield what breaks, of the values themselves."""
        for name in _FORMS:
            if _form_of(was, name) != _form_of(is_, name) and (self._side is Side.ANSWER or name in is_):
                yield f"{where}: its {name} was {was.get(name)}, and is {is_.get(name)}"
        lost = [value for value in was.get("enum", ()) if value not in is_.get("enum", was.get("enum", ()))]
        if lost:
            yield f"{where}: {', '.join(map(str, lost))} is gone"
        if self._side is Side.ANSWER:
            return
        if "enum" in is_ and "enum" not in was:
            yield f"{where}: it is one of {is_['enum']} now"
        if was.get("default") != is_.get("default"):
            yield f"{where}: without it {was.get('default')} was meant, and is {is_.get('default')}"
        yield from _of_bounds(where, was, is_)

    def _of_members(self, where: str, was: Told, is_: Told) -> Iterator[str]:
        """Yield what breaks, of the members of an object."""
        is_request = self._side is Side.REQUEST
        were, are = was.get("properties", {}), is_.get("properties", {})
        required = (set(was.get("required", ())), set(is_.get("required", ())))
        for name, inner in were.items():
            if name not in are:
                yield f"{where}/{name} is gone"
            else:
                yield from self.of(f"{where}/{name}", (inner, are[name]))
        for name in sorted(required[1] - required[0] if is_request else required[0] - required[1]):
            if name in are:
                yield f"{where}/{name} is {'required' if is_request else 'not always there any more'}"
        if (
            is_request
            and is_.get("additionalProperties", True) is False
            and was.get("additionalProperties", True) is not False
        ):
            yield f"{where}: it takes no further members"


def _told_of(told: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON
    """Yield the name of each schema that a part of a document refers to itself."""
    if isinstance(told, Mapping):
        if isinstance(name := told.get("$ref"), str):
            yield name.removeprefix(_SCHEMAS)
        for each in told.values():
            yield from _told_of(each)
    elif isinstance(told, list):
        for each in told:
            yield from _told_of(each)


def _form_of(schema: Told, name: str) -> Any:  # noqa: ANN401  # any JSON
    """Return what a schema says of a form; of two patterns that let the same texts in, the same."""
    told = schema.get(name)
    return published_pattern(told) if name == "pattern" and isinstance(told, str) else told


def _of_bounds(where: str, was: Told, is_: Told) -> Iterator[str]:
    """Yield the bounds of a request that let in less."""
    for name in (*_LOWEST, *_HIGHEST):
        if name in is_ and name in was:
            is_narrower = is_[name] > was[name] if name in _LOWEST else is_[name] < was[name]
        else:
            is_narrower = name in is_
        if is_narrower:
            yield f"{where}: its {name} was {was.get(name)}, and is {is_[name]}"


def _forms(document: Told, schema: Told) -> Iterator[Told]:
    """Yield each form that values of a schema may have, with what it refers to."""
    if "$ref" in schema:
        yield from _forms(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        return
    several = schema.get("oneOf") or schema.get("anyOf")
    if not several:
        yield schema
        return
    beside = {name: value for name, value in schema.items() if name not in ("oneOf", "anyOf")}
    for one in several:
        for form in _forms(document, one):
            yield form if _kind(form) == "null" else {**beside, **form}


def _kind(schema: Told) -> str:
    """Return the JSON type of a form."""
    told = schema.get("type", "any")
    return told if isinstance(told, str) else "/".join(told)
