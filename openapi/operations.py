"""How the operations of a document are written in Python: each as a function that gives a `Call`."""

import re
from collections.abc import Iterator
from typing import Final

from openapi.schemas import Schema, Types, docstring, identifier

JSON_TYPE: Final = "application/json"
OPERATIONS_HEAD: Final = '''"""{tag}, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query

'''


def operations_of(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield each operation of a document with its method and the template of its path."""
    for template, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), template, operation


def formats_of(operation: Schema) -> Iterator[Schema]:
    """Yield an operation as JSON, and once more, told as a whole, for each text that its `format` may be."""
    known = operation.get("parameters", [])
    yield {**operation, "parameters": [one for one in known if one["name"] != "format"]}
    for kind, told in contents_of(operation).items():
        if kind != JSON_TYPE and (word := re.split("[/;]", kind)[1]):
            read = [one for one in known if one["name"] not in {"limit", "cursor"}]
            yield {
                **operation,
                "operationId": operation["operationId"] + word.capitalize(),
                "summary": f"{operation['summary']}, as {word.upper()}",
                "parameters": [{**one, "schema": {"const": word}} if one["name"] == "format" else one for one in read],
                "responses": {"200": {"content": {kind: told}}},
            }


def operation_text(types: Types, method: str, template: str, operation: Schema) -> str:
    """Return the function of an operation: the first argument by its place, what is no part of the path by name."""
    known = operation["parameters"]
    of = {place: [one for one in known if one["in"] == place] for place in ("path", "query", "header")}
    arguments = [f"{identifier(one['name'])}: {types.annotation(one['schema'])}" for one in of["path"]]
    call = [f"method={method!r}", f"path={path_text(template, of['path'])}", f"answer={answer_text(types, operation)}"]
    if JSON_TYPE not in (kinds := contents_of(operation)):
        call.append(f"answer_as={next(iter(kinds)).partition(';')[0]!r}")
    if body := operation.get("requestBody"):
        argument, sent = body_texts(types, body, is_new=not of["path"])
        arguments, call = [*arguments, argument], [*call, sent]
    # Two ids are two texts, which nobody is to exchange.
    named = arguments if len(of["path"]) > 1 else []
    placed = [] if named else arguments
    given = [one for one in (*of["query"], *of["header"]) if "const" not in one["schema"]]
    named = [*named, *(named_argument(types, one) for one in given)]
    for name, told in (("query", of["query"]), ("headers", of["header"])):
        if told:
            pairs = ", ".join(f"({one['name']!r}, {argument_name(one)})" for one in told)
            call.append(f"{name}={name}({pairs})")
    signature = ", ".join([*placed, *(["*", *named] if named else [])])
    text = f"def {snake(operation['operationId'])}({signature}) -> Call[{answer_text(types, operation)}]:\n"
    return f"{text}{docstring(operation)}\n    return Call({', '.join(call)})"


def path_text(template: str, parameters: list[Schema]) -> str:
    """Return a path as an expression; each of its parts is quoted when it is called."""
    parts = ", ".join(f"{one['name']}={identifier(one['name'])}" for one in parameters)
    return f"path({template!r}, {parts})" if parts else repr(template)


def contents_of(operation: Schema) -> Schema:
    """Return the good answer of an operation, by its media types."""
    [good] = [told for status, told in operation["responses"].items() if status.startswith("2")]
    return {**good["content"]}


def answer_text(types: Types, operation: Schema) -> str:
    """Return the type of the good answer, as JSON where it may be that."""
    told = (contents := contents_of(operation)).get(JSON_TYPE) or next(iter(contents.values()))
    return types.annotation(told["schema"], within="structs.")


def body_texts(types: Types, body: Schema, *, is_new: bool) -> tuple[str, str]:
    """Return a body as an argument and as it is sent, as the bytes that it is where that is no JSON.

    Nobody has to say one that may be left out, nor one whose members all may, where what it tells of `is_new`.
    """
    if JSON_TYPE not in body["content"]:
        return "body: bytes", f"body=body, content_type={next(iter(body['content']))!r}"
    written = types.annotation(body["content"][JSON_TYPE]["schema"], within="structs.", is_asked=True)
    form = types.schemas.get(written.removeprefix("structs."), {"required": True})
    if body.get("required") and (form.get("required") or not is_new):
        return f"body: {written}", "body=body"
    return f"body: {written} | None = None", f"body=body or {written}()" if body.get("required") else "body=body"


def named_argument(types: Types, parameter: Schema) -> str:
    """Return a parameter of query or headers as an argument: an instant may be one, or its text."""
    written = types.annotation(parameter["schema"], within="structs.").replace("datetime", "datetime | str")
    if parameter.get("required"):
        return f"{argument_name(parameter)}: {written}"
    return f"{argument_name(parameter)}: {written.removesuffix(' | None')} | None = None"


def argument_name(parameter: Schema) -> str:
    """Return what a parameter of query or headers is called in Python, or the one word that it may be."""
    if "const" in parameter["schema"]:
        return repr(parameter["schema"]["const"])
    return identifier(parameter["name"].lower().replace("-", "_"))


def snake(name: str) -> str:
    """Return the name of an operation as that of a function.

    >>> snake("createApiKey")
    'create_api_key'
    """
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
