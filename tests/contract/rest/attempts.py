"""What a stranger tries with every operation, drawn from the OpenAPI document: more than is asked for, and too much."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import httpx

from cashback.kernel.mistakes import MISTAKES_MAX
from cashback.processes.api import BODY_BYTES_MAX
from cashback.purchases.http.bulk import BULK_BYTES_MAX
from cashback.purchases.http.rulesets import DOCUMENT_BYTES_MAX
from tests.contract.rest.belongings import Asked, Has
from tests.contract.rest.document import places
from tests.contract.rest.drawn import Drawn, Place, Schema, by_operation, changed
from tests.contract.rest.world import Caller

LONG: Final = "x" * 60_000
"""A text that a body has just room for."""

MANY: Final = 1_001

LARGER: Final = {
    "createPurchases": BULK_BYTES_MAX,
    "createDraft": DOCUMENT_BYTES_MAX,
    "changeDraft": DOCUMENT_BYTES_MAX,
}
"""Bodies that may be larger than others."""

SHORT: Final = {
    "listDecisions": "one, and another one after it has waited for budget: the database has room for no third"
}
"""Lists that are never long, and why."""

NO_ADDRESSES: Final = (
    "http://shop.example/",
    "https://localhost.localdomain@127.0.0.1/",
    "https://127.0.0.1/",
    "https://10.0.0.1:5432/",
    "https://169.254.169.254/latest/meta-data",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fd00::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "file:///etc/passwd",
    "gopher://shop.example/",
    "https://shop.example:0/",
    "https://shop.example/#x",
)
"""URLs that lead to where only we are, or that are none to be posted to."""


class Changed(NamedTuple):
    """A request with what is other than sound, and the pointers to that."""

    asked: Asked
    pointers: Sequence[str]


def with_more(document: Mapping[str, Any], has: Has) -> Iterator[Changed]:
    """Yield each body with members that it has not: one that nobody knows, and those that the answer has alone.

    Not more than a problem tells of.
    """
    for operation, one in _commands(document, has):
        answered = _answer_schema(document, one, "201")
        for body in one.bodies:
            names = sorted(set(_whole(document, answered).get("properties", {})) - set(body))
            more = ["is_admin", *names][:MISTAKES_MAX]
            asked = _asked(operation, one, has, {**body, **dict.fromkeys(more, "x")})
            yield Changed(asked, [f"/{name}" for name in more])


def with_too_much(document: Mapping[str, Any], has: Has) -> Iterator[Changed]:
    """Yield each body with a text that is too long, and with a list that is."""
    for operation, one in _commands(document, has):
        for body, leaves in zip(one.bodies, one.leaves, strict=True):
            for leaf in leaves:
                yield Changed(_asked(operation, one, has, changed(body, leaf.place, LONG)), [leaf.pointer])
            for place in sorted({place for leaf in leaves for place in _lists_around(leaf.place)}, key=str):
                pointer = "".join(f"/{step}" for step in place)
                yield Changed(_asked(operation, one, has, changed(body, place, _at(body, place) * MANY)), [pointer])


async def is_refused(caller: Caller, one: Changed) -> bool:
    """Tell whether a request is refused for what is other than sound: as too large in all, or by its pointers."""
    answer = await one.asked.by(caller)
    is_by_name = answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY and set(one.pointers) <= set(places(answer))
    return is_by_name or answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE


def leading_nowhere(document: Mapping[str, Any], has: Has) -> Iterator[Changed]:
    """Yield each body that takes a URL with each one that leads to where only we are."""
    for operation, one in _commands(document, has):
        for body, leaves in zip(one.bodies, one.leaves, strict=True):
            for leaf in leaves:
                if "url" in str(leaf.place[-1]):
                    for url in NO_ADDRESSES:
                        yield Changed(_asked(operation, one, has, changed(body, leaf.place, url)), [leaf.pointer])


def too_large(document: Mapping[str, Any], has: Has) -> Iterator[Asked]:
    """Yield to each command a body of a byte more than it takes."""
    for operation, one in _commands(document, has):
        yield _asked(operation, one, has, b" " * (LARGER.get(operation, BODY_BYTES_MAX) + 1))


def everywhere(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every operation, methods that no route has, and paths of which a framework or a server might know."""
    asked = [(one.method, one.url()) for one in by_operation(document, {}).values()]
    asked += [(method, "/v1/purchases") for method in ("OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PUT", "DELETE")]
    return asked + [("GET", path) for path in ("/", "/openapi/swagger", "/schema", "/docs/nothing", "/v1/../livez")]


async def undocumented(caller: Caller, document: Mapping[str, Any], has: Has) -> dict[str, list[str]]:
    """Return what answers to a caller's questions have that the document does not tell of, by operation."""
    found = {}
    for operation, one in sorted(by_operation(document, has).items()):
        if one.method == "GET":
            answer = await caller.get(one.url(path={name: has[name] for name in one.path}))
            if answer.status_code == httpx.codes.OK:
                found[operation] = _beyond(document, _answer_schema(document, one, "200"), answer.json(), "")
    return found


def lists(document: Mapping[str, Any], has: Has) -> Iterator[tuple[str, Drawn]]:
    """Yield the operations that answer with a list of `items`, but for those that are short."""
    for operation, one in by_operation(document, has).items():
        if operation in SHORT:
            continue
        if one.method == "GET" and "items" in _whole(document, _answer_schema(document, one, "200")).get(
            "properties", {}
        ):
            yield operation, one


def _commands(document: Mapping[str, Any], has: Has) -> Iterator[tuple[str, Drawn]]:
    """Yield the operations that take a body of JSON."""
    for operation, one in sorted(by_operation(document, has).items()):
        if one.method == "POST" and one.bodies:
            yield operation, one


def _asked(operation: str, one: Drawn, has: Has, body: Any) -> Asked:  # noqa: ANN401  # any JSON
    """Return a request with a body."""
    url = one.url(path={name: has[name] for name in one.path})
    return Asked(operation=operation, method=one.method, url=url, headers=one.headers, body=body)


def _lists_around(place: Place) -> list[Place]:
    """Return the lists that a place is within, the outermost first."""
    return [place[:depth] for depth, step in enumerate(place) if step == 0]


def _at(body: Any, place: Place) -> Any:  # noqa: ANN401  # any JSON
    """Return what stands at a place."""
    for step in place:
        body = body[step]
    return body


def _answer_schema(document: Mapping[str, Any], one: Drawn, status: str) -> Schema:
    """Return what an operation answers."""
    answers = document["paths"][one.template][one.method.lower()]["responses"]
    schema: Schema = answers[status]["content"]["application/json"]["schema"]
    return schema


def _whole(document: Mapping[str, Any], schema: Schema) -> Schema:
    """Return what a schema refers to."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _beyond(document: Mapping[str, Any], schema: Schema, value: Any, place: str) -> list[str]:  # noqa: ANN401  # any JSON
    """Return the places of an answer that its schema does not tell of."""
    schema = _whole(document, schema)
    if kinds := schema.get("oneOf", schema.get("anyOf")):
        return min((_beyond(document, one, value, place) for one in kinds), key=len)
    if isinstance(value, list):
        return [found for one in value for found in _beyond(document, schema.get("items", {}), one, f"{place}/0")]
    if not isinstance(value, dict) or schema.get("additionalProperties", False) is not False:
        return []
    named = schema.get("properties", {})
    found = [f"{place}/{name}" for name in value if name not in named]
    return found + [
        each
        for name, inner in value.items()
        if name in named
        for each in _beyond(document, named[name], inner, f"{place}/{name}")
    ]
