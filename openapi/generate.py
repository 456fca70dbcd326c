"""Write `src/cashback/client/api` from docs/openapi.json; `nox -s generate` calls this.

    components/schemas ──> structs.py     a msgspec struct or an enumeration for each
    paths, by tag ───────> purchases.py   a function for each operation, which gives a `Call`: nothing is sent by it
                           users.py, ...

What sends calls is written by hand, beside that folder. The same document gives the same bytes.
"""

import argparse
import json
import keyword
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parent / "docs" / "openapi.json"
API = HERE.parent / "src" / "cashback" / "client" / "api"
RUFF = Path(sysconfig.get_path("scripts")) / "ruff"
STYLE = ("--isolated", "--no-cache", "--quiet", "--line-length", "120", "--target-version", "py311")
OURS = ("--config", 'lint.isort.known-first-party = ["cashback"]')

JSON_TYPE: Final = "application/json"
SCHEMAS: Final = "#/components/schemas/"
STRUCTS_HEAD: Final = '''"""What the API takes and tells: generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
import msgspec
from msgspec import UNSET, UnsetType
from cashback.client.words import Word

'''
OPERATIONS_HEAD: Final = '''"""{tag}, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query

'''
PACKAGE: Final = '"""The operations of the API by tag, and their structs: generated from docs/openapi.json."""\n'

Schema: TypeAlias = dict[str, Any]
_SCALARS: Final = {"string": "str", "integer": "int", "boolean": "bool", "null": "None", None: "object"}


class Types:
    """How the schemas of a document are written in Python."""

    def __init__(self, document: Schema) -> None:
        """Write what `document` has; what it cannot write, it refuses.

        Raises:
            ValueError: two schemas have one name, so that both go by their places in our sources.
        """
        self.schemas: dict[str, Schema] = document["components"]["schemas"]
        if places := [key for key in self.schemas if "_" in key]:
            raise ValueError(f"no two schemas have one name; name them by what each is: {places}")
        self.asked = frozenset(self._reached(one.get("requestBody", {}) for _, _, one in operations_of(document)))

    def _reached(self, found: Iterator[Schema]) -> set[str]:
        """Return the keys of all schemas that what was found refers to, however deep."""
        reached: set[str] = set()
        waiting = [key for one in found for key in references(one)]
        while waiting:
            if (key := waiting.pop()) not in reached:
                reached.add(key)
                waiting += references(self.schemas[key])
        return reached

    def annotation(self, schema: Schema, *, within: str = "", is_asked: bool = False) -> str:
        """Return the annotation of a schema; `within` stands before names of structs.

        An instant that is told is a `datetime`. One that is asked for in a body is a text, as amounts are: whether it
        is one says the API, in its own words.

        Raises:
            KeyError: the schema is of a kind that the documents of this API did not have so far.
        """
        kind = schema.get("type")
        if "$ref" in schema:
            return within + str(schema["$ref"]).removeprefix(SCHEMAS)
        if parts := schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf"):
            return " | ".join(self.annotation(one, within=within, is_asked=is_asked) for one in parts)
        if "const" in schema or "enum" in schema:
            words = [schema["const"]] if "const" in schema else schema["enum"]
            return f"Literal[{', '.join(map(repr, words))}]"
        if kind == "array" or (kind == "object" and "properties" not in schema):
            each = schema["items"] if kind == "array" else schema.get("additionalProperties", {})
            named = "list[" if kind == "array" else "dict[str, "
            return f"{named}{self.annotation(each, within=within, is_asked=is_asked)}]"
        if kind == "string" and schema.get("format") == "date-time":
            return "str" if is_asked else "datetime"
        return _SCALARS[kind]

    def definitions(self) -> Iterator[str]:
        """Yield the text of each struct and enumeration, in the document's order."""
        for key, schema in self.schemas.items():
            if "enum" in schema:
                yield self._enumeration(key, schema)
            else:
                yield self._struct(key, schema, is_asked=key in self.asked)

    def _enumeration(self, name: str, schema: Schema) -> str:
        """Return an enumeration whose members are called as they are written."""
        members = [f"    {identifier(word.upper())} = {word!r}" for word in schema["enum"]]
        return "\n".join([f"class {name}(Word):", docstring(schema), "", *members])

    def _struct(self, name: str, schema: Schema, *, is_asked: bool) -> str:
        """Return a struct; what may be left out is UNSET where it was."""
        strange = {identifier(member): member for member in schema["properties"] if identifier(member) != member}
        renamed = f", rename={strange}" if strange else ""
        lines = [f"class {name}(msgspec.Struct, frozen=True, kw_only=True{renamed}):", docstring(schema), ""]
        for member, told in schema["properties"].items():
            written = self.annotation(told, is_asked=is_asked)
            if "const" in told:
                default = f" = {told['const']!r}"
            elif member in schema.get("required", ()):
                default = ""
            else:
                written, default = f"{written} | UnsetType", " = UNSET"
            lines.append(f"    {identifier(member)}: {written}{default}")
            if "description" in told:
                lines.append(docstring(told))
        return "\n".join(lines)


def operations_of(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield each operation of a document with its method and the template of its path."""
    for template, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), template, operation


def references(part: object) -> list[str]:
    """Return the keys of the schemas that a part of a document refers to by itself."""
    if isinstance(part, dict):
        own = [part["$ref"].removeprefix(SCHEMAS)] if str(part.get("$ref")).startswith(SCHEMAS) else []
        return own + [key for each in part.values() for key in references(each)]
    return [key for each in part for key in references(each)] if isinstance(part, list) else []


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


def docstring(told: Schema) -> str:
    """Return what is told of something as a docstring, the summary first."""
    said = told.get("description") or told.get("title") or ""
    if (summary := told.get("summary")) and not said.startswith(summary):
        said = f"{summary}{'' if summary.endswith('?') else '.'}\n\n{said}".strip()
    text = said.strip().replace("\\", "\\\\").replace('"""', "'''").replace("\n", "\n    ")
    return f'    """{text}{chr(10) + "    " if chr(10) in text else ""}"""'


def identifier(name: str) -> str:
    """Return a name that Python takes.

    >>> identifier("from")
    'from_'
    """
    return f"{name}_" if keyword.iskeyword(name) else re.sub(r"\W", "_", name)


def snake(name: str) -> str:
    """Return the name of an operation as that of a function.

    >>> snake("createApiKey")
    'create_api_key'
    """
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def generate(document: Schema, out: Path) -> None:
    """Make `out` hold the generated package and nothing else; the second time changes nothing."""
    types = Types(document)
    by_tag: dict[str, list[str]] = {}
    for method, template, operation in operations_of(document):
        texts = [operation_text(types, method, template, one) for one in formats_of(operation)]
        by_tag.setdefault(operation["tags"][0], []).extend(texts)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "api"
        fresh.mkdir()
        (fresh / "__init__.py").write_text(PACKAGE)
        (fresh / "structs.py").write_text(STRUCTS_HEAD + "\n\n\n".join(types.definitions()) + "\n")
        for tag, texts in by_tag.items():
            module = fresh / f"{identifier(tag).lower()}.py"
            module.write_text(OPERATIONS_HEAD.format(tag=tag) + "\n\n\n".join(texts) + "\n")
        subprocess.run([str(RUFF), "check", *STYLE, *OURS, "--select", "F401,I", "--fix", str(fresh)], check=True)
        subprocess.run([str(RUFF), "format", *STYLE, str(fresh)], check=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(fresh, out)


def main() -> None:
    """Generate into the folder named on the command line, or over the committed code."""
    parser = argparse.ArgumentParser(description="Write src/cashback/client/api from docs/openapi.json.")
    parser.add_argument("--out", type=Path, default=API, help="another folder than the committed one; emptied first")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="another document than docs/openapi.json")
    told = parser.parse_args()
    generate(json.loads(told.document.read_text()), told.out.resolve())


if __name__ == "__main__":
    main()
