"""The OpenAPI document as the pages tell it: what each operation takes and answers, by the tags it stands under.

document ──▶ Api ──▶ Tag ──▶ Operation ──▶ Parameter
              │                       └──▶ Answer ──▶ Content ──▶ Example
              └────▶ schemas, by their names, as they are
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from cashback.kernel.problem import MEDIA_TYPE

Schema: TypeAlias = Mapping[str, Any]

DOCS: Final = "/docs"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_OF_REFERENCE: Final = "#/components/schemas/"


class Example(msgspec.Struct, frozen=True):
    """What may stand somewhere, and what it is an example of, where that is told."""

    value: Any
    summary: str = ""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is asked beside the body; `place` is the path, the query or a header."""

    name: str
    place: str
    text: str
    is_required: bool
    schema: Schema
    examples: tuple[Example, ...]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a body is in one media type."""

    media_type: str
    schema: Schema
    examples: tuple[Example, ...]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked next of an answer: an operation, and where of the answer its parameters are."""

    operation_id: str
    text: str
    parameters: Mapping[str, str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of one status."""

    status: int
    text: str
    headers: tuple[Parameter, ...]
    contents: tuple[Content, ...]
    links: tuple[Link, ...]

    @property
    def is_problem(self) -> bool:
        """Whether it is a problem document."""
        return any(one.media_type == MEDIA_TYPE for one in self.contents)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method at one path; `scopes` is None where no key is needed.

    `names` are its own, that of its tag, and those of its parameters and of the members of its body.
    """

    id: str
    tag: str
    method: str
    path: str
    summary: str
    text: str
    scopes: tuple[str, ...] | None
    parameters: tuple[Parameter, ...]
    bodies: tuple[Content, ...]
    answers: tuple[Answer, ...]
    names: frozenset[str]

    @property
    def page(self) -> str:
        """Where the page is that tells of it."""
        return f"{DOCS}/{slug_of(self.tag)}"

    @property
    def place(self) -> str:
        """Where it stands there."""
        return f"{self.page}#{self.id}"

    @property
    def done(self) -> tuple[Answer, ...]:
        """Its answers of its own kind."""
        return tuple(one for one in self.answers if not one.is_problem)

    @property
    def refused(self) -> tuple[Answer, ...]:
        """Its problems."""
        return tuple(one for one in self.answers if one.is_problem)


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """Operations that are of one subject."""

    name: str
    text: str
    operations: tuple[Operation, ...]

    @property
    def page(self) -> str:
        """Where its page is."""
        return f"{DOCS}/{slug_of(self.name)}"


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """All that the document tells."""

    title: str
    version: str
    text: str
    tags: tuple[Tag, ...]
    schemas: Mapping[str, Schema]

    @property
    def operations(self) -> Iterator[Operation]:
        """All operations, tag by tag."""
        return (operation for tag in self.tags for operation in tag.operations)


def read(document: Mapping[str, Any]) -> Api:
    """Return what a document tells; its tags in its own order, or else in that in which its operations name them."""
    document = {**document, "paths": _resolved(document["paths"], document["components"])}
    schemas = document["components"]["schemas"]
    operations = [
        _operation(path, method, item[method], schemas)
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    told = {tag["name"]: str(tag.get("description", "")) for tag in document.get("tags", ())}
    names = dict.fromkeys([*told, *(operation.tag for operation in operations)])
    tags = {name: tuple(one for one in operations if one.tag == name) for name in names}
    return Api(
        title=document["info"]["title"],
        version=document["info"]["version"],
        text=document["info"].get("description", ""),
        tags=tuple(Tag(name=name, text=told.get(name, ""), operations=found) for name, found in tags.items() if found),
        schemas=schemas,
    )


def slug_of(name: str) -> str:
    """Return the name of a tag as it stands in an address.

    >>> slug_of("API keys")
    'api-keys'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def named_by(schema: Schema) -> str | None:
    """Return the name of the schema that this one refers to, if it does."""
    reference = schema.get("$ref")
    return None if reference is None else str(reference).removeprefix(_OF_REFERENCE)


def schemas_in(part: object) -> Iterator[str]:
    """Yield the names of the schemas that a part of a document refers to itself."""
    if isinstance(part, Mapping):
        if str(part.get("$ref", "")).startswith(_OF_REFERENCE):
            yield str(part["$ref"]).removeprefix(_OF_REFERENCE)
        for each in part.values():
            yield from schemas_in(each)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from schemas_in(each)


def _resolved(part: Any, components: Mapping[str, Any]) -> Any:  # noqa: ANN401  # any part of a document
    """Return a part of a document with what it refers to in its place, but for schemas: those are told by name."""
    if isinstance(part, Mapping):
        place = str(part.get("$ref", _OF_REFERENCE))
        if not place.startswith(_OF_REFERENCE):
            kind, name = place.removeprefix("#/components/").split("/", 1)
            return _resolved(components[kind][name], components)
        return {key: _resolved(value, components) for key, value in part.items()}
    return [_resolved(one, components) for one in part] if isinstance(part, list) else part


def _operation(path: str, method: str, told: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Operation:
    """Return one operation."""
    security = told.get("security")
    parameters = tuple(_parameter(one["name"], one) for one in told.get("parameters", ()))
    sent = [name for one in told.get("requestBody", {}).get("content", {}).values() for name in _sent(one["schema"])]
    members = [member for name in sent for member in schemas[name].get("properties", ())]
    return Operation(
        id=told["operationId"],
        tag=told["tags"][0],
        method=method.upper(),
        path=path,
        summary=told["summary"],
        text=told.get("description", ""),
        scopes=tuple(scope for one in security for scopes in one.values() for scope in scopes) if security else None,
        parameters=parameters,
        bodies=_contents(told.get("requestBody", {})),
        answers=tuple(_answer(int(status), told["responses"][status]) for status in sorted(told["responses"])),
        names=frozenset({told["operationId"], *told["tags"], *members, *(one.name for one in parameters)}),
    )


def _sent(schema: Schema) -> Iterator[str]:
    """Yield the names of the schemas of which a body is one."""
    for one in schema.get("oneOf", (schema,)):
        name = named_by(one)
        if name is not None:
            yield name


def _parameter(name: str, told: Mapping[str, Any]) -> Parameter:
    """Return one parameter, or one header of an answer."""
    schema = told.get("schema", {})
    return Parameter(
        name=name,
        place=told.get("in", "header"),
        text=told.get("description") or schema.get("description", ""),
        is_required=told.get("required", False),
        schema={key: value for key, value in schema.items() if key != "description"},
        examples=_examples(told) or _examples(schema),
    )


def _answer(status: int, told: Mapping[str, Any]) -> Answer:
    """Return one answer."""
    return Answer(
        status=status,
        text=told.get("description", ""),
        headers=tuple(_parameter(name, one) for name, one in sorted(told.get("headers", {}).items())),
        contents=_contents(told),
        links=tuple(
            Link(
                operation_id=one["operationId"],
                text=one.get("description", ""),
                parameters={name.split(".", 1)[-1]: str(value) for name, value in one.get("parameters", {}).items()},
            )
            for one in told.get("links", {}).values()
            if "operationId" in one
        ),
    )


def _contents(told: Mapping[str, Any]) -> tuple[Content, ...]:
    """Return what a body may be."""
    return tuple(
        Content(media_type=media_type, schema=one.get("schema", {}), examples=_examples(one))
        for media_type, one in told.get("content", {}).items()
    )


def _examples(told: Mapping[str, Any]) -> tuple[Example, ...]:
    """Return the examples of a parameter, a media type (OpenAPI 3.1, 4.8.12 and 4.8.14) or a schema (JSON Schema)."""
    named = told.get("examples", ())
    if isinstance(named, Mapping):
        return tuple(Example(one["value"], one.get("summary", "")) for one in named.values() if "value" in one)
    alone = (told["example"],) if "example" in told else ()
    return tuple(Example(value) for value in (*alone, *named))
