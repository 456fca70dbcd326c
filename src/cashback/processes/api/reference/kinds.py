"""What a schema says of a value, in words: its type, its bounds, the values it may have, the members it consists of."""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cashback.processes.api.reference.document import Schema, named_by

_PATTERNS: Final = {
    "^(0|[1-9][0-9]*)$": "digits",
    "^(0|[1-9][0-9]{0,18})$": "digits, 19 at most",
    "^(0|-?[1-9][0-9]*)$": "digits, or a minus and digits",
    "^-?[0-9]+$": "digits, or a minus and digits",
    "^[A-Z]{3}$": "three capital letters",
    "^[0-9]{4}$": "four digits",
    '^"[0-9a-f]{16}(-[0-9a-f]{8})?"$': "in quotation marks 16 hexadecimal digits, perhaps a dash and 8 more",
    '^"[1-9][0-9]{0,8}"$': "digits in quotation marks, 9 at most",
}
_OR_NULL: Final = " or null"


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A value: `words` is its type, `parts` names the schemas whose members it has, `values` is all that it may be."""

    words: str
    text: str = ""
    bounds: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    default: str | None = None


def kind_of(schema: Schema, schemas: Mapping[str, Schema]) -> Kind:
    """Return what a schema says."""
    whole = _flattened(schema)
    alternatives = [one for one in whole.get("oneOf", whole.get("anyOf", ())) if one.get("type") != "null"]
    is_nullable = len(alternatives) < len(whole.get("oneOf", whole.get("anyOf", ())))
    if len(alternatives) == 1:
        kind = _kind_of_one(_merged(alternatives[0], whole), schemas)
    elif alternatives:
        kind = _either(alternatives, whole, schemas)
    else:
        kind = _kind_of_one(whole, schemas)
    default = whole.get("default")
    if default is not None and not isinstance(default, str):
        default = json.dumps(default, ensure_ascii=False)
    return msgspec.structs.replace(
        kind,
        words=f"{kind.words}{_OR_NULL}" if is_nullable else kind.words,
        default=kind.default if default is None else default,
    )


def kind_of_parameter(schema: Schema, schemas: Mapping[str, Schema]) -> Kind:
    """Return what the schema of a parameter says: it is left out where a member would be null."""
    kind = kind_of(schema, schemas)
    return msgspec.structs.replace(kind, words=kind.words.removesuffix(_OR_NULL))


def name_of(name: str, schemas: Mapping[str, Schema]) -> str:
    """Return what people call a schema: two of one name have their module's before it in the document."""
    return str(schemas[name].get("title", name))


def _kind_of_one(schema: Schema, schemas: Mapping[str, Schema]) -> Kind:
    """Return what a schema without alternatives says."""
    name = named_by(schema)
    if name is not None:
        return _kind_of_named(name, schema, schemas)
    text, bounds = schema.get("description", ""), _bounds(schema)
    if schema.get("type") == "array":
        item = kind_of(schema.get("items", {}), schemas)
        return Kind(
            words=f"list of {_several(item.words)}",
            text=text or item.text,
            bounds=(*bounds, *(f"each {bound}" for bound in item.bounds)),
            values=item.values,
            parts=item.parts,
        )
    values = tuple(str(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else []))
    parts = tuple(one for one in (named_by(schema.get("additionalProperties") or {}),) if one)
    return Kind(words=_words(schema, schemas), text=text, bounds=bounds, values=values, parts=parts)


def _kind_of_named(name: str, schema: Schema, schemas: Mapping[str, Schema]) -> Kind:
    """Return what a reference to a schema with a name says."""
    target = schemas[name]
    if "properties" in target:
        return Kind(words="object", text=schema.get("description", ""), parts=(name,))
    own = {key: value for key, value in schema.items() if key != "$ref"}
    return kind_of({**{key: value for key, value in target.items() if key != "description"}, **own}, schemas)


def _either(alternatives: list[Any], whole: Schema, schemas: Mapping[str, Schema]) -> Kind:
    """Return what several alternatives say together."""
    kinds = [kind_of(one, schemas) for one in alternatives]
    return Kind(
        words=" or ".join(dict.fromkeys(kind.words for kind in kinds)),
        text=whole.get("description", ""),
        bounds=(*_bounds(whole), *(bound for kind in kinds for bound in kind.bounds)),
        values=tuple(value for kind in kinds for value in kind.values),
        parts=tuple(part for kind in kinds for part in kind.parts),
    )


def _words(schema: Schema, schemas: Mapping[str, Schema]) -> str:
    """Return a type."""
    if schema.get("format") == "date-time":
        return "time"
    kind = str(schema.get("type", "any value"))
    if kind == "object" and "additionalProperties" in schema:
        each = schema["additionalProperties"]
        return f"object of {_several(kind_of(each, schemas).words)} by name" if each else "any object"
    return kind


def _several(words: str) -> str:
    """Return a type as several of it are called.

    >>> _several("string"), _several("list of objects"), _several("object or null")
    ('strings', 'lists of objects', 'objects or null')
    """
    first, *others = words.split(" ", 1)
    return " ".join([f"{first}s", *others])


def _bounds(schema: Schema) -> tuple[str, ...]:
    """Return between what a value lies."""
    pattern = str(schema.get("pattern", ""))
    below = schema.get("exclusiveMaximum")
    told = [
        _range(schema.get("minLength"), schema.get("maxLength"), "character"),
        _range(schema.get("minItems"), schema.get("maxItems"), "item"),
        _range(schema.get("minimum"), schema.get("maximum"), ""),
        f"below {_figure(below)}" if below is not None else "",
        _PATTERNS.get(pattern, f"matches `{pattern}`") if pattern else "",
    ]
    return tuple(bound for bound in told if bound)


def _range(least: float | None, most: float | None, what: str) -> str:
    """Return a range in words.

    >>> _range(1, 64, "character"), _range(3, 3, "character"), _range(None, 1, "item"), _range(1.0, None, "")
    ('1 to 64 characters', '3 characters', 'at most 1 item', 'at least 1')
    """
    if least is None and most is None:
        return ""
    counted = f" {what}{'' if (most or least) == 1 else 's'}" if what else ""
    if least is None or most is None:
        return f"at most {_figure(most)}{counted}" if least is None else f"at least {_figure(least)}{counted}"
    return f"{_figure(least)}{counted}" if least == most else f"{_figure(least)} to {_figure(most)}{counted}"


def _figure(number: float | None) -> str:
    """Return a number with its thousands apart.

    >>> _figure(10000.0)
    '10,000'
    """
    return f"{int(number or 0):,}"


def _flattened(schema: Schema) -> Schema:
    """Return a schema that only adds words to another as that other one with those words."""
    parts = schema.get("allOf", ())
    if len(parts) != 1:
        return schema
    return _merged(parts[0], {key: value for key, value in schema.items() if key != "allOf"})


def _merged(inner: Schema, outer: Schema) -> Schema:
    """Return one schema of an alternative and what is said around it."""
    return {**inner, **{key: value for key, value in outer.items() if key not in {"oneOf", "anyOf"}}}
