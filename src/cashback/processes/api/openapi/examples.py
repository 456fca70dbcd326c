"""Examples of each operation, as they were recorded from the running API: examples.json.

`python -m tests.contract.rest.examples` writes it. A problem that several operations answer with in the same words is
told once, and referred to by each: about a place or a scope of its own an operation has one of its own.
"""

from importlib.resources import files
from typing import Any, Final

import msgspec

from cashback.kernel.problem import MEDIA_TYPE, title_of

_ONLY: Final = "example"


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request that was asked, and its answer; `name` tells it from others of its operation."""

    name: str
    parameters: dict[str, Any]
    status: int
    media_type: str
    answer: Any
    body: Any = None


class Examples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exchanges by operation; names of problems by operation and status, and by status where that has no other.

    The name of a problem is its code, and for another one of the same code what it is about as well.
    """

    exchanges: dict[str, list[Exchange]]
    refusals: dict[str, dict[str, str]]
    problems: dict[str, Any]
    usual: dict[str, str]


def recorded_examples() -> Examples:
    """Return all that was recorded."""
    told = files("cashback.processes.api").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(told, type=Examples)


def add_examples(document: dict[str, Any], examples: Examples) -> None:
    """Have every operation of a document tell how it is asked and answered."""
    named: set[str] = set()
    for operation in (one for item in document["paths"].values() for one in item.values()):
        exchanges = examples.exchanges.get(operation["operationId"], [])
        _tell(operation, exchanges)
        refusals = {**examples.usual, **examples.refusals.get(operation["operationId"], {})}
        for status, response in operation["responses"].items():
            if status in refusals and MEDIA_TYPE in response.get("content", {}):
                name = refusals[status]
                code = examples.problems[name]["code"]
                response["content"][MEDIA_TYPE]["examples"] = {code: {"$ref": f"#/components/examples/{name}"}}
                named.add(name)
    told = {name: examples.problems[name] for name in sorted(named)}
    document["components"]["examples"] = {
        name: {"summary": title_of(problem["code"]), "value": problem} for name, problem in told.items()
    }


def _tell(operation: dict[str, Any], exchanges: list[Exchange]) -> None:
    """Have an operation tell of exchanges: parameters of the first one, bodies and answers of each."""
    for parameter in operation.get("parameters", []):
        for exchange in exchanges[:1]:
            if parameter["name"] in exchange.parameters:
                parameter["example"] = exchange.parameters[parameter["name"]]
    for exchange in exchanges:
        name = exchange.name or _ONLY
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content.setdefault("examples", {})[name] = {"value": exchange.body}
        # One that was recorded of another form than the operation has by now is left out, and missed by a test.
        answers = operation["responses"].get(str(exchange.status), {}).get("content", {})
        if exchange.media_type in answers:
            answers[exchange.media_type].setdefault("examples", {})[name] = {"value": exchange.answer}
