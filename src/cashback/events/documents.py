"""The published documents of events, made of their structs: JSON Schemas, the AsyncAPI document, the catalogue.

Schemas are closed to nothing on purpose: readers skip fields that they do not know, so that one may be added.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from cashback.events.catalogue import Body, version_of, versions_of
from cashback.events.fields import FORMS
from cashback.kernel.bus.streams import EVENTS, SUBJECT_PREFIX
from cashback.kernel.outbox import PARTITIONS
from cashback.kernel.published_patterns import publish_patterns, published_pattern

Document = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_WORDS: Final = {published_pattern(pattern): words for pattern, words in FORMS.items()}
"""What a string of each pattern looks like, by the pattern as it is published."""

_NATS: Final = {"nats": {"bindingVersion": "0.1.0"}}
_HEADERS: Final[Document] = {
    "description": "Attributes of CloudEvents 1.0 in binary mode.",
    "type": "object",
    "properties": {
        "ce-specversion": {"const": "1.0"},
        "ce-id": {"type": "string", "description": "The event's id for ever: whoever applied it once skips it."},
        "ce-type": {"type": "string"},
        "ce-source": {"type": "string"},
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-partitionkey": {"type": "string", "description": "The aggregate whose events keep their order."},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C Trace Context."},
        "Nats-Msg-Id": {"type": "string", "description": "This publication's id: `ce-id`, but new for a replay."},
        "replay-of": {"type": "string", "description": "On a replay from the stream: the sequence that it repeats."},
    },
    "required": [
        "ce-specversion",
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-time",
        "ce-partitionkey",
        "content-type",
        "Nats-Msg-Id",
    ],
}


def name_of(kind: type[Body]) -> str:
    """Return what a version of a type is called: `<type>.<version>`."""
    return f"{kind.TYPE}.{version_of(kind)}"


def schema(kind: type[Body]) -> Document:
    """Return what the data of one version of a type is, as a schema to be embedded."""
    _, components = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    own = components.pop(kind.__name__)
    described = {
        "title": f"{kind.TYPE}, version {version_of(kind)}",
        "description": " ".join(own["description"].split()),
    }
    inner = {"$defs": components} if components else {}
    told = {**own, **described, "additionalProperties": True, **inner}
    publish_patterns(told)
    return told


def schema_document(kind: type[Body]) -> Document:
    """Return the JSON Schema (draft 2020-12) of one version; its id is what `ce-dataschema` says of it."""
    return {"$schema": DIALECT, "$id": f"urn:cashback:{kind.TYPE}:{version_of(kind)}", **schema(kind)}


def catalogue(kinds: Sequence[type[Body]]) -> Document:
    """Return everything about the types that somebody outside may have come to rely on."""
    return {
        kind.TYPE: {
            "source": kind.SOURCE,
            "key": kind.KEY,
            "subject": _subject(kind),
            "version": version_of(kind),
            "schemas": {str(version_of(form)): schema(form) for form in versions_of(kind)},
        }
        for kind in kinds
    }


def fields(kind: type[Body]) -> list[tuple[str, str, str]]:
    """Return each field of a version: its name, what it looks like in JSON, and what it means."""
    told = schema(kind)
    return [(name, _form(one) + _unsaid(one), one["description"]) for name, one in told["properties"].items()]


def _unsaid(told: Document) -> str:
    """Return what a field is when it is left out, in words; nothing where it may not be."""
    return f"; {msgspec.json.encode(told['default']).decode()} when left out" if "default" in told else ""


def _form(told: Document) -> str:
    """Return what a value of a schema looks like, in words."""
    if "anyOf" in told:
        return " or ".join(_form(one) for one in told["anyOf"])
    if told.get("format") == "date-time":
        return "string, RFC 3339"
    least = f" from {told['minimum']}" if "minimum" in told else ""
    return _WORDS.get(told.get("pattern", ""), f"{told['type']}{least}")


def asyncapi(
    kinds: Sequence[type[Body]], *, durables: Mapping[str, Sequence[str]], examples: Mapping[str, object]
) -> Document:
    """Return the AsyncAPI 3.0 document of all types.

    `durables` are the consumers with the types that each takes; `examples` are data by version (`name_of`).
    """
    forms = [form for kind in kinds for form in versions_of(kind)]
    return {
        "asyncapi": "3.0.0",
        "id": "urn:cashback:events",
        "info": {
            "title": "cashback events",
            "version": "1",
            "description": (
                "What happens to purchases, to their cashback and to their tokens: CloudEvents 1.0 in binary mode over"
                " NATS JetStream. An event is delivered at least once, and those of one aggregate are published in"
                " order. Readers skip fields that they do not know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {
                "host": "{host}:{port}",
                "protocol": "nats",
                "description": f"NATS with JetStream; the events are in its stream {EVENTS.name}.",
                "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "4222"}},
            }
        },
        "channels": {kind.TYPE: _channel(kind) for kind in kinds},
        "operations": dict([*map(_sending, kinds), *_receiving(kinds, durables)]),
        "components": {
            "messages": {name_of(form): _message(form, examples[name_of(form)]) for form in forms},
            "schemas": {"headers": _HEADERS, **{name_of(form): schema(form) for form in forms}},
        },
    }


def _subject(kind: type[Body]) -> str:
    """Return the subject of a type's events, with the partition left open."""
    return f"{SUBJECT_PREFIX}.{kind.TYPE}.{{partition}}"


def _channel(kind: type[Body]) -> Document:
    """Return where the events of a type are; those of old versions lie there as long as the stream keeps them."""
    return {
        "address": _subject(kind),
        "description": f"Ordered for each `{kind.KEY}`.",
        "messages": {name_of(one): _to("components/messages", name_of(one)) for one in versions_of(kind)},
        "parameters": {
            "partition": {
                "enum": [str(one) for one in range(PARTITIONS)],
                "description": f"By a hash of `{kind.KEY}`, for ever the same.",
            }
        },
    }


def _message(kind: type[Body], example: object) -> Document:
    """Return a version of a type as it is on the wire; the first one says nothing of its schema."""
    version, told = version_of(kind), schema(kind)
    attributes: Document = {"ce-type": {"const": kind.TYPE}, "ce-source": {"const": kind.SOURCE}}
    attributes["ce-dataschema"] = {"const": f"urn:cashback:{kind.TYPE}:{version}"} if version > 1 else False
    own: Document = {"type": "object", "properties": attributes}
    if version > 1:
        own["required"] = ["ce-dataschema"]
    return {
        "name": kind.TYPE,
        "title": told["title"],
        "summary": told["description"].partition(". ")[0].removesuffix(".") + ".",
        "contentType": "application/json",
        "headers": {"allOf": [_to("components/schemas", "headers"), own]},
        "payload": _to("components/schemas", name_of(kind)),
        "examples": [{"payload": example}],
    }


def _sending(kind: type[Body]) -> tuple[str, Document]:
    """Return the operation by which a type is published: in its newest version only."""
    newest = name_of(kind)
    return f"publish.{kind.TYPE}", {
        "action": "send",
        "channel": _to("channels", kind.TYPE),
        "summary": f"Published by {kind.SOURCE}, by way of its outbox.",
        "messages": [_to(f"channels/{kind.TYPE}/messages", newest)],
        "bindings": _NATS,
    }


def _receiving(kinds: Sequence[type[Body]], durables: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Document]]:
    """Yield the operations of our own consumers, each of which reads every version."""
    for durable, types in durables.items():
        for kind in kinds:
            if kind.TYPE in types:
                yield (
                    f"{durable}.{kind.TYPE}",
                    {
                        "action": "receive",
                        "channel": _to("channels", kind.TYPE),
                        "summary": f"Pulled by the durable consumer {durable} of the stream {EVENTS.name}.",
                        "messages": [_to(f"channels/{kind.TYPE}/messages", name_of(one)) for one in versions_of(kind)],
                        "bindings": _NATS,
                    },
                )


def _to(place: str, name: str) -> Document:
    """Return a reference within the document."""
    return {"$ref": f"#/{place}/{name}"}
