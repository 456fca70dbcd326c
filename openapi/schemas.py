"""How the schemas of a document are written in Python: as annotations, structs and enumerations."""

import keyword
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

SCHEMAS: Final = "#/components/schemas/"
STRUCTS_HEAD: Final = '''"""What the API takes and tells: generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
import msgspec
from msgspec import UNSET, UnsetType
from cashback.client.words import Word

'''

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
        operations = (one for item in document["paths"].values() for one in item.values())
        self.asked = frozenset(self._reached(one.get("requestBody", {}) for one in operations))

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


def references(part: object) -> list[str]:
    """Return the keys of the schemas that a part of a document refers to by itself."""
    if isinstance(part, dict):
        own = [part["$ref"].removeprefix(SCHEMAS)] if str(part.get("$ref")).startswith(SCHEMAS) else []
        return own + [key for each in part.values() for key in references(each)]
    return [key for each in part for key in references(each)] if isinstance(part, list) else []


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
