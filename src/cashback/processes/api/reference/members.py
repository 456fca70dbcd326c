"""Members of documents and parameters of requests, as lists: name, type, whether it has to be there, bounds, words."""

from collections.abc import Iterable, Mapping
from typing import Final

from cashback.processes.api.reference.document import DOCS, Parameter, Schema
from cashback.processes.api.reference.kinds import Kind, kind_of, kind_of_parameter, name_of
from cashback.processes.api.reference.markup import Html, element, joined, marked, paragraphs

SCHEMAS: Final = f"{DOCS}/schemas"
_VALUES_SHOWN: Final = 8
"""How many values stand beside a member; more are folded away."""


class Members:
    """Tells of schemas; what one consists of is folded below it, each schema once on the way down."""

    def __init__(self, schemas: Mapping[str, Schema], *, is_asked: bool) -> None:
        """Tell of these; `is_asked` of what callers send, where members may be left out, else of what they are told."""
        self._schemas = schemas
        self._is_asked = is_asked

    def of(self, schema: Schema) -> Html:
        """Return a body: its members, or what it is instead."""
        kind = kind_of(schema, self._schemas)
        listed = [self._listed(name, ()) for name in kind.parts]
        if kind.words == "object" and len(listed) == 1:
            return joined([paragraphs(self._text(kind.parts[0])), listed[0]])
        told = element("p", "One of these:") if len(listed) > 1 else element("p", *_told(kind), class_="bare")
        parts = [self._folded(name, (), is_open=len(listed) > 1) for name in kind.parts]
        return joined([told, paragraphs(kind.text), *parts])

    def listed(self, name: str) -> Html:
        """Return the members of a schema, or the values that it may have."""
        if "properties" in self._schemas[name]:
            return self._listed(name, ())
        return element("p", *_told(kind_of(self._schemas[name], self._schemas)), class_="bare")

    def _listed(self, name: str, above: tuple[str, ...]) -> Html:
        """Return the members of a schema that is met below some others."""
        schema = self._schemas[name]
        if not schema.get("properties"):
            return element("p", "No members.", class_="quiet")
        needed = set(schema.get("required", ()))
        ordered = sorted(schema["properties"], key=lambda member: member not in needed)
        return element(
            "dl",
            *(
                self._member(member, schema["properties"][member], (*above, name), is_needed=member in needed)
                for member in ordered
            ),
            class_="members",
        )

    def _member(self, name: str, schema: Schema, above: tuple[str, ...], *, is_needed: bool) -> Html:
        """Return one member."""
        kind = kind_of(schema, self._schemas)
        return _entry(
            name, kind, need=self._need(is_needed=is_needed), folded=[self._folded(part, above) for part in kind.parts]
        )

    def _need(self, *, is_needed: bool) -> Html:
        """Return whether a member has to be there, or always is."""
        if self._is_asked:
            return (
                element("span", "required", class_="need") if is_needed else element("span", "optional", class_="may")
            )
        return Html() if is_needed else element("span", "not always there", class_="may")

    def _folded(self, name: str, above: tuple[str, ...], *, is_open: bool = False) -> Html:
        """Return the members of a schema behind a line that unfolds them, or the way to them if they stand above."""
        called = name_of(name, self._schemas)
        if name in above:
            return element("p", "Has the members of ", element("a", called, href=f"{SCHEMAS}#{name}"), ".")
        told = [paragraphs(self._text(name)), self._listed(name, above)]
        if "properties" not in self._schemas[name]:
            told = [self.listed(name)]
        return element("details", element("summary", "Members of ", element("code", called)), *told, open=is_open)

    def _text(self, name: str) -> str:
        """Return what is said of a schema."""
        return str(self._schemas[name].get("description", ""))


def parameters(told: Iterable[Parameter], schemas: Mapping[str, Schema]) -> Html:
    """Return parameters, or headers of an answer."""
    return element(
        "dl",
        *(
            _entry(
                one.name,
                kind_of_parameter(one.schema, schemas),
                need=element("span", "required", class_="need") if one.is_required else Html(),
                folded=[],
                text=one.text,
            )
            for one in told
        ),
        class_="members",
    )


def _entry(name: str, kind: Kind, *, need: Html, folded: list[Html], text: str = "") -> Html:
    """Return one entry: the name and what it is in a line, what else is known below."""
    line = [element("code", name, class_="name"), element("span", kind.words, class_="kind"), need]
    told = text or kind.text
    return element(
        "div",
        element("dt", joined([part for part in line if part], " ")),
        element("dd", paragraphs(told), *_limits(kind), *folded),
    )


def _told(kind: Kind) -> list[Html]:
    """Return what a value is that has no name."""
    return [element("span", kind.words, class_="kind"), *_limits(kind)]


def _limits(kind: Kind) -> list[Html]:
    """Return the bounds of a value, what it is where nobody says, and the values that it may have."""
    bounds = [marked(bound) for bound in kind.bounds]
    if kind.default not in {None, "[]", "false"}:
        bounds.append(marked(f"`{kind.default}` unless told"))
    told = [element("p", joined(bounds, ", "), class_="bounds")] if bounds else []
    if kind.values:
        values = joined([element("code", value) for value in kind.values], " ")
        if len(kind.values) <= _VALUES_SHOWN:
            told.append(element("p", "One of " if len(kind.values) > 1 else "Always ", values, class_="values"))
        else:
            told.append(
                element("details", element("summary", f"One of {len(kind.values)} values"), element("p", values))
            )
    return told
