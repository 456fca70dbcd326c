"""Whoever asks each operation by its name, and keeps what was asked and what was answered."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from cashback.processes.api.openapi.examples import Examples, Exchange
from tests.contract.rest.world import Caller

PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
STALE: Final = ('"0000000000000000"', '"777"')
"""Tags of no state that there is: one of these is of each form."""

NAME: Final = re.compile(r"\{(\w+)\}")
SAME_PLACE_MAX: Final = 100
"""More problems of one code about one place there are not."""

STORY: Final = "tests/contract/rest/examples/story.py (or terms.py, books.py beside it)"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request; `query` goes with it, whether its operation asks for that or not."""

    body: Any = None
    parameters: Mapping[str, Any]
    kind: str = ""
    query: Mapping[str, str] = {}


class Recorder:
    """Asks operations by their names, and keeps each exchange once for each name that it is given."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Know the operations of `document`, and have asked none."""
        self.operations: dict[str, tuple[str, str, dict[str, Any]]] = {
            one["operationId"]: (method.upper(), path, one)
            for path, item in document["paths"].items()
            for method, one in item.items()
        }
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self.kept = Examples(exchanges={}, refusals={}, problems={}, usual={})
        self._asked: Counter[str] = Counter()

    async def ask(self, caller: Caller, operation: str, body: Any = None, *, name: str = "", **parameters: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return what a sound request is answered with; the first of a name is the example of that name."""
        parameters = self._with_key(operation, parameters)
        response = await self._send(caller, operation, Request(body=body, parameters=parameters))
        assert response.is_success, f"{operation} in {STORY} is refused: {response.text}"
        media_type = response.headers["content-type"]
        answer = response.json() if media_type == JSON else response.text
        kept = self.kept.exchanges.setdefault(operation, [])
        if name not in {one.name for one in kept}:
            kept.append(
                Exchange(
                    name=name,
                    parameters=parameters,
                    body=self._body(operation, body),
                    status=response.status_code,
                    media_type=media_type,
                    answer=answer,
                )
            )
        return answer

    async def refused(
        self,
        caller: Caller,
        operation: str,
        status: int,
        body: Any = None,  # noqa: ANN401  # any JSON
        *,
        kind: str = "",
        is_usual: bool = False,
        **parameters: Any,  # noqa: ANN401  # by their names
    ) -> None:
        """Keep the problem that a request is answered with; a usual one stands for its status at every operation."""
        wrong = Request(body=body, parameters=self._with_key(operation, parameters), kind=kind)
        response = await self._send(caller, operation, wrong)
        assert response.status_code == status, f"{operation} in the story is answered {response.text}"
        self.keep_problem(operation, response.json(), is_usual=is_usual)

    async def find_refusal(self, caller: Caller, operation: str, status: int, tries: Iterable[Request]) -> None:
        """Keep the first problem of a status that an operation has and none of its own is kept of, out of these tries.

        What is taken item by item, or line by line, tells each problem in its answer.
        """
        if str(status) in self.operations[operation][2]["responses"].keys() - self.kept.refusals.get(operation, {}):
            for wrong in tries:
                sent = msgspec.structs.replace(wrong, parameters=self._with_key(operation, {**wrong.parameters}))
                response = await self._send(caller, operation, sent)
                for problem in (one for one in _problems_in(response) if one["status"] == status):
                    self.keep_problem(operation, problem)
                    return

    def keep_problem(self, operation: str, problem: dict[str, Any], *, is_usual: bool = False) -> None:
        """Keep a problem, as one of an operation, or as that of its status wherever there is no other."""
        status, name = str(problem["status"]), self._name_of(problem)
        if is_usual:
            self.kept.usual[status] = name
        else:
            self.kept.refusals.setdefault(operation, {})[status] = name

    def members(self, operation: str) -> list[str]:
        """Return the names of all members that a body of an operation may have."""
        contents = self.operations[operation][2].get("requestBody", {}).get("content", {})
        forms = [form for one in contents.values() for form in one["schema"].get("oneOf", [one["schema"]])]
        named = [form["$ref"].rsplit("/", 1)[1] for form in forms if "$ref" in form]
        return [member for name in named for member in self._schemas[name].get("properties", {})]

    def queries(self, operation: str) -> list[str]:
        """Return the names of all parameters that an operation asks for by its query."""
        return [one["name"] for one in self.operations[operation][2].get("parameters", []) if one["in"] == "query"]

    def _name_of(self, problem: dict[str, Any]) -> str:
        """Return the name that a problem is kept by: its code, and what it is about where another one has that name."""
        about = str(problem.get("scope") or problem.get("parameter") or problem.get("pointer") or "")
        code: str = problem["code"]
        told = ".".join([code, *re.findall(r"\w+", about)])
        names = (code, told, *(f"{told}.{number}" for number in range(2, SAME_PLACE_MAX)))
        said = _without_trace(problem)
        return next(name for name in names if _without_trace(self.kept.problems.setdefault(name, problem)) == said)

    async def ask_for_nothing(self, caller: Caller, ids: dict[str, Any]) -> None:
        """Keep, for each operation, what is told of `ids` that nobody has, in place of those that it was asked by."""
        for operation, (_, path, told) in self.operations.items():
            names = NAME.findall(path)
            if names and "404" in told["responses"] and operation in self.kept.exchanges:
                strange = set(names) - ids.keys()
                assert not strange, f"{operation} has {strange} in its path: say in problems.py of which kind that is"
                first = self.kept.exchanges[operation][0]
                parameters = {**first.parameters, **{name: ids[name] for name in names}}
                wrong = Request(body=first.body, parameters=self._with_key(operation, parameters, is_new=True))
                response = await self._send(caller, operation, wrong)
                assert response.is_client_error, f"{operation} is answered of nobody's ids: {response.text}"
                self.keep_problem(operation, response.json())

    async def ask_too_late(self, caller: Caller) -> None:
        """Keep, for each operation, what is told of a state that nobody has seen, where it may say what was seen."""
        for operation, (_, _, told) in self.operations.items():
            forms = [one["schema"] for one in told.get("parameters", []) if one["name"] == "If-Match"]
            for first in self.kept.exchanges.get(operation, [])[: len(forms)]:
                stale = next(tag for tag in STALE if re.search(forms[0]["pattern"], tag))
                parameters = self._with_key(operation, {**first.parameters, "If-Match": stale}, is_new=True)
                response = await self._send(caller, operation, Request(body=first.body, parameters=parameters))
                assert response.is_client_error, f"{operation} is done, whatever was seen: {response.text}"
                self.keep_problem(operation, response.json())

    def missing(self) -> list[str]:
        """Return what is still to be told, for each operation that has no example yet."""
        return [
            f"{operation} has no example: have {STORY} ask for it, as"
            f" `await told.ask(operator, {operation!r}, ...)`, and run `python -m tests.contract.rest.examples`"
            for operation in self.operations
            if operation not in self.kept.exchanges
        ]

    def _with_key(self, operation: str, parameters: dict[str, Any], *, is_new: bool = False) -> dict[str, Any]:
        """Return parameters with an idempotency key of its own, where the operation wants one."""
        if self.operations[operation][0] != "POST" or ("Idempotency-Key" in parameters and not is_new):
            return parameters
        self._asked[operation] += 1
        return {**parameters, "Idempotency-Key": f"{operation}-{self._asked[operation]}"}

    def _body(self, operation: str, body: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return the body of a command, which is an empty object where nothing is to be said."""
        return {} if body is None and self.operations[operation][0] == "POST" else body

    async def _send(self, caller: Caller, operation: str, request: Request) -> httpx.Response:
        """Return the answer to an operation with its parameters, each where the document has it."""
        method, path, told = self.operations[operation]
        places = {one["name"]: one["in"] for one in told.get("parameters", [])}
        parameters = request.parameters
        strange = parameters.keys() - places.keys()
        assert not strange, f"{operation} has no parameter {strange}"
        of = {
            place: {name: _said(value) for name, value in parameters.items() if places[name] == place}
            for place in ("query", "header")
        }
        url = NAME.sub(lambda found: quote(str(parameters[found[1]]), safe=""), path)
        content = self._body(operation, request.body)
        kind = request.kind or next(iter(told.get("requestBody", {}).get("content", {JSON: None})))
        sent = (
            {}
            if content is None
            else {"content": content if isinstance(content, str) else msgspec.json.encode(content)}
        )
        headers = {**of["header"], **({} if content is None else {"Content-Type": kind})}
        return await caller.ask(method, url, params={**of["query"], **request.query}, headers=headers, **sent)


def _problems_in(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the problem that an answer is, or those that it tells of items or lines."""
    kind = response.headers["content-type"]
    if kind == PROBLEM:
        yield response.json()
    elif kind == JSON and response.request.method == "POST":
        told = response.json()
        for one in (*told.get("items", ()), *told.get("problems", ())):
            if isinstance(one, dict) and isinstance(one.get("problem"), dict):
                yield one["problem"]


def _without_trace(problem: dict[str, Any]) -> dict[str, Any]:
    """Return what a problem tells whoever meets it, whenever."""
    return {name: value for name, value in problem.items() if name != "trace_id"}


def _said(value: object) -> str:
    """Return a parameter as an address or a header has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
