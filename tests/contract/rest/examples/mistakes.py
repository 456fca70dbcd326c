"""Each operation's own problems: what it tells whoever may not ask it, and of what is wrong at a place of its own.

What is wrong is tried in an order, for no form tells what a rule refuses; the first try that is refused with the status
is the example. What all operations tell alike, as of a key that opens nothing, is recorded once (`problems`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cashback.kernel.lifecycle.bounds import MALFORMED
from cashback.kernel.problem import problem_document
from tests.contract.rest.examples.problems import strangers
from tests.contract.rest.examples.recorder import Recorder, Request
from tests.contract.rest.examples.stage import Stage

KEY: Final = "Idempotency-Key"
LONG: Final = "x" * 256
"""Longer than any parameter or key may be."""

BYTES: Final = (100_000, 2**26 + 1)
"""More than most operations take, and more than any does."""

UNKNOWN: Final = {"verbose": "true"}
"""What no operation asks for: of one that asks for nothing by a query, no other can be wrong."""

NOT_THERE: Final[Mapping[str, Mapping[str, str]]] = {
    "showRate": {"at": "1950-01-01T00:00:00Z"},
    "showProgramme": {"currency": "SEK"},
}
"""What there is nothing of, where that is no id."""


async def own_problems(stage: Stage) -> None:
    """Have each operation refuse what no other one would refuse in the same words.

    Without a body, 400 is what the server says of what is no HTTP: that reaches no operation.
    """
    told, operator, ids = stage.told, stage.operator, strangers()
    reports, directory = [
        await stage.rest.operator(label="Reports", scopes=(scope,)) for scope in ("purchases:read", "users:read")
    ]
    for operation, (method, _, documented) in told.operations.items():
        if "security" in documented:
            is_for_reports = {"api_key": ["purchases:read"]} in documented["security"]
            await told.find_refusal(directory if is_for_reports else reports, operation, 403, [_sound(told, operation)])
            tries = _of_commands if method == "POST" else _of_questions
            for status, wrong in tries(told, operation).items():
                await told.find_refusal(operator, operation, status, wrong)
            for caller in (operator, stage.keeper):
                # Some lists of an operator's are merely empty, where a merchant is told that there is nobody else.
                await told.find_refusal(caller, operation, 404, _of_nobody(told, operation, ids))
        if "400" in documented["responses"] and "400" not in told.kept.refusals.get(operation, {}):
            told.keep_problem(operation, json.loads(problem_document(400, "http_malformed", MALFORMED)))


def _sound(told: Recorder, operation: str, body: Any = None, **more: str) -> Request:  # noqa: ANN401  # any JSON
    """Return the request that was answered first, with another body if one is given, and with these parameters."""
    first = told.kept.exchanges[operation][0]
    parameters = {name: value for name, value in first.parameters.items() if name != KEY}
    return Request(body=first.body if body is None else body, parameters={**parameters, **more})


def _of_commands(told: Recorder, operation: str) -> dict[int, Iterator[Request]]:
    """Return what may be wrong with a command, by the status that it is refused with."""
    parameters = _sound(told, operation).parameters
    return {
        400: iter([Request(body="{", parameters=parameters)]),
        413: (Request(body=" " * size, parameters=parameters) for size in BYTES),
        415: iter([Request(body="x", kind="text/plain", parameters=parameters)]),
        422: _of_members(told, operation),
    }


def _of_members(told: Recorder, operation: str) -> Iterator[Request]:
    """Yield bodies with a member of another type, those of the example first; at last a key that is none."""
    body = told.kept.exchanges[operation][0].body
    line = json.loads(body.splitlines()[0]) if isinstance(body, str) else body
    for name in dict.fromkeys([*line, *told.members(operation)]):
        for value in (7, "x") if isinstance(line.get(name), str) else ("x", 7):
            wrong = {**line, name: value}
            yield _sound(told, operation, json.dumps(wrong) if isinstance(body, str) else wrong)
    yield _sound(told, operation, **{KEY: LONG})


def _of_questions(told: Recorder, operation: str) -> dict[int, Iterator[Request]]:
    """Return what may be wrong with a question, by the status that it is refused with."""
    sound = _sound(told, operation)
    queries = sorted(told.queries(operation), key=lambda name: name != "limit")
    wrong = [_sound(told, operation, **{name: value}) for name in queries for value in ("0", "yesterday", LONG)]
    return {422: iter([*wrong, Request(parameters=sound.parameters, query=UNKNOWN)])}


def _of_nobody(told: Recorder, operation: str, ids: Mapping[str, Any]) -> Iterator[Request]:
    """Yield requests that name what there is not, in their query or in their body."""
    named = {**ids, "owners": [ids["user_id"]], "before": ids["ruleset_id"], "ruleset": ids["ruleset_id"]}
    named |= NOT_THERE.get(operation, {})
    for name in told.queries(operation):
        if name in named:
            yield _sound(told, operation, **{name: named[name]})
    body = told.kept.exchanges[operation][0].body
    if isinstance(body, str):
        for wrong in _with_strangers(json.loads(body.splitlines()[0]), named):
            yield _sound(told, operation, json.dumps(wrong))
    elif isinstance(body, dict):
        absent = {name: named[name] for name in told.members(operation) if name in named and name not in body}
        for wrong in (*_with_strangers(body, named), *({**body, name: value} for name, value in absent.items())):
            yield _sound(told, operation, wrong)


def _with_strangers(body: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a body with each of its ids, one at a time, that of nobody; of a list its first item alone."""
    # A reference that is taken by now would be told first.
    new = {name: value for name, value in body.items() if name != "reference"}
    for name, value in new.items():
        if name in named:
            yield {**new, name: named[name]}
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from ({**new, name: [one]} for one in _with_strangers(value[0], named))


ACTS: Final = (own_problems,)
"""After all others: what is done in between by a try that was none is in no example."""
