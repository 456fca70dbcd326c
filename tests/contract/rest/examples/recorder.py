"""Whoever asks each operation by its name, and keeps what was asked and what was answered."""

import re
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from cashback.processes.api.openapi.examples import Examples, Exchange
from tests.contract.rest.world import Caller

PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
NAME: Final = re.compile(r"\{(\w+)\}")
STORY: Final = "tests/contract/rest/examples/story.py (or terms.py, books.py beside it)"


class Recorder:
    """Asks operations by their names, and keeps each exchange once for each name that it is given."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Know the operations of `document`, and have asked none."""
        self.operations: dict[str, tuple[str, str, dict[str, Any]]] = {
            one["operationId"]: (method.upper(), path, one)
            for path, item in document["paths"].items()
            for method, one in item.items()
        }
        self.kept = Examples(exchanges={}, refusals={}, problems={}, usual={})
        self._asked: Counter[str] = Counter()

    async def ask(self, caller: Caller, operation: str, body: Any = None, *, name: str = "", **parameters: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return what a sound request is answered with; the first of a name is the example of that name."""
        parameters = self._with_key(operation, parameters)
        response = await self._send(caller, operation, body, parameters)
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
        response = await self._send(caller, operation, body, self._with_key(operation, parameters), kind=kind)
        assert response.status_code == status, f"{operation} in the story is answered {response.text}"
        self.keep_problem(operation, response, is_usual=is_usual)

    def keep_problem(self, operation: str, response: httpx.Response, *, is_usual: bool = False) -> None:
        """Keep a problem, as one of an operation, or as that of its status wherever there is no other."""
        problem = response.json()
        status = str(response.status_code)
        self.kept.problems.setdefault(problem["code"], problem)
        if is_usual:
            self.kept.usual[status] = problem["code"]
        else:
            self.kept.refusals.setdefault(operation, {})[status] = problem["code"]

    async def ask_for_nothing(self, caller: Caller, ids: dict[str, Any]) -> None:
        """Keep, for each operation, what is told of `ids` that nobody has, in place of those that it was asked by."""
        for operation, (_, path, told) in self.operations.items():
            names = NAME.findall(path)
            if names and "404" in told["responses"] and operation in self.kept.exchanges:
                strange = set(names) - ids.keys()
                assert not strange, f"{operation} has {strange} in its path: say in problems.py of which kind that is"
                first = self.kept.exchanges[operation][0]
                parameters = {**first.parameters, **{name: ids[name] for name in names}}
                response = await self._send(
                    caller, operation, first.body, self._with_key(operation, parameters, is_new=True)
                )
                assert response.is_client_error, f"{operation} is answered of nobody's ids: {response.text}"
                self.keep_problem(operation, response)

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

    async def _send(
        self,
        caller: Caller,
        operation: str,
        body: Any,  # noqa: ANN401  # any JSON
        parameters: dict[str, Any],
        *,
        kind: str = "",
    ) -> httpx.Response:
        """Return the answer to an operation with these parameters, each where the document has it."""
        method, path, told = self.operations[operation]
        places = {one["name"]: one["in"] for one in told.get("parameters", [])}
        strange = parameters.keys() - places.keys()
        assert not strange, f"{operation} has no parameter {strange}"
        of = {
            place: {name: _said(value) for name, value in parameters.items() if places[name] == place}
            for place in ("query", "header")
        }
        url = NAME.sub(lambda found: quote(str(parameters[found[1]]), safe=""), path)
        content = self._body(operation, body)
        kind = kind or next(iter(told.get("requestBody", {}).get("content", {JSON: None})))
        sent = (
            {}
            if content is None
            else {"content": content if isinstance(content, str) else msgspec.json.encode(content)}
        )
        headers = of["header"] | ({} if content is None else {"Content-Type": kind})
        return await caller.ask(method, url, params=of["query"], headers=headers, **sent)


def _said(value: object) -> str:
    """Return a parameter as an address or a header has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
