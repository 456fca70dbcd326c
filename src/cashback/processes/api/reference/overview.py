"""The pages that are not about one tag: the overview with what holds for all of the API, and all schemas."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from cashback.processes.api.reference.document import Api, Operation, schemas_in
from cashback.processes.api.reference.frame import heading, listed_operations
from cashback.processes.api.reference.kinds import name_of
from cashback.processes.api.reference.markup import Html, coloured, element, joined, marked, paragraphs
from cashback.processes.api.reference.members import Members

_SHOWN: Final = 6
"""How many operations stand beside a schema; more are folded away."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to look at."""

    title: str
    text: str


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for all operations in one respect: paragraphs, and perhaps rows and samples beside them."""

    title: str
    text: str
    rows: dict[str, str] = {}
    samples: list[Sample] = []


@cache
def guide() -> Mapping[str, Section]:
    """Return the sections of the overview, by their anchors."""
    told = files("cashback.processes.api.reference").joinpath("guide.toml").read_bytes()
    return msgspec.toml.decode(told, type=dict[str, Section])


def overview_of(api: Api) -> list[Html]:
    """Return what the overview tells."""
    lead = [element("h1", "API reference"), paragraphs(api.text)]
    subjects = [
        element(
            "section", heading(3, tag.name, tag.page.rsplit("/", 1)[1]), paragraphs(tag.text), listed_operations(tag)
        )
        for tag in api.tags
    ]
    return [
        element("div", *lead, class_="lead"),
        *(_section(anchor, section) for anchor, section in guide().items()),
        element(
            "section",
            heading(2, "All operations", "all-operations"),
            element("p", f"{sum(1 for _ in api.operations)} in all, by what they are about."),
            element("div", *subjects, class_="subjects"),
        ),
    ]


def schemas_of(api: Api, document: Mapping[str, Any]) -> list[Html]:
    """Return what is told of all schemas: what each consists of, and which operations take it or answer it."""
    users = _users(api, document)
    ordered = sorted(api.schemas.items(), key=lambda one: name_of(one[0], api.schemas).lower())
    names = [element("li", element("a", name_of(name, api.schemas), href=f"#{name}")) for name, _ in ordered]
    told = [
        element(
            "section",
            heading(2, name_of(name, api.schemas), name),
            paragraphs(str(schema.get("description", ""))),
            _used(users[name]),
            Members(api.schemas, is_asked="Body" in name).listed(name),
            class_="schema",
        )
        for name, schema in ordered
    ]
    lead = "What is sent and answered, by the names that it has in the OpenAPI document."
    listed = element("ul", *names, class_="names")
    return [element("div", element("h1", "Schemas"), element("p", lead), listed, class_="lead"), *told]


def _section(anchor: str, section: Section) -> Html:
    """Return one section of the overview."""
    rows = [
        element("div", element("dt", marked(name)), element("dd", marked(told))) for name, told in section.rows.items()
    ]
    samples = [
        element(
            "figure",
            element("figcaption", element("b", one.title)),
            element("pre", element("code", _coloured(one.text.strip()))),
            class_="sample",
        )
        for one in section.samples
    ]
    told = [paragraphs(section.text), *([element("dl", *rows, class_="rows")] if rows else [])]
    beside = [element("div", *told, class_="told"), element("div", *samples, class_="samples")]
    return element(
        "section", heading(2, section.title, anchor), element("div", *beside, class_="beside"), class_="chapter"
    )


def _coloured(text: str) -> Html:
    """Return JSON coloured, and of a command the JSON that it sends."""
    head, brace, body = text.partition("{")
    return joined([head, coloured(brace + body)])


def _users(api: Api, document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations that each schema is met in, be it within another one."""
    whole = {name: _reached(name, api) for name in api.schemas}
    users: dict[str, list[Operation]] = {name: [] for name in api.schemas}
    for operation in api.operations:
        direct = set(schemas_in(document["paths"][operation.path][operation.method.lower()]))
        for name in sorted(direct | {inner for one in direct for inner in whole[one]}):
            users[name].append(operation)
    return users


def _reached(name: str, api: Api) -> set[str]:
    """Return the schemas that one consists of, down to the last."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        inner = set(schemas_in(api.schemas[ahead.pop()])) - found
        found |= inner
        ahead += inner
    return found


def _used(operations: list[Operation]) -> Html:
    """Return the operations that have a schema."""
    links = [element("a", one.summary, href=one.place) for one in operations]
    if len(links) > _SHOWN:
        return element("details", element("summary", f"In {len(links)} operations"), element("p", joined(links, ", ")))
    return element("p", "In ", joined(links, ", "), class_="quiet")
