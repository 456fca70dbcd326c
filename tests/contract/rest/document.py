"""The OpenAPI document as a judge: whether an answer is one that it promises."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import msgspec
from jsonschema_rs import Draft202012Validator

from cashback.kernel.mistakes import MISTAKES_MAX
from cashback.kernel.problem import Problem
from cashback.processes.api.problems import known_problems
from cashback.processes.api.reference.document import read
from cashback.processes.api.reference.operations import may_come

_OFFSET: Final = re.compile(r"\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?[+-]\d\d:?\d\d\Z")
_PROBLEM: Final = "application/problem+json"
MEMBERS: Final = {one.name for one in msgspec.structs.fields(Problem)}
"""What any problem may have, of whichever code it is."""


class Document:
    """An OpenAPI 3.1 document that answers are held against."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Judge by `document`."""
        self.paths: dict[str, dict[str, Any]] = document["paths"]
        self._components = document["components"]
        self._validators: dict[int, Draft202012Validator] = {}
        """One of each schema, which the document holds: to make it takes longer than all that it judges."""
        self._operations = {(one.path, one.method.lower()): one for one in read(document).operations}
        self._templates = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", template)), template)
            for template in sorted(self.paths, key=lambda one: one.count("{"))
        ]

    def complaints(self, response: httpx.Response) -> list[str]:
        """Return what is wrong with an answer; nothing is said of paths and methods that no route serves."""
        request = response.request
        method = "get" if request.method == "HEAD" else request.method.lower()
        # What has an encoded slash is no path of a route: decoded, it would look like another one's.
        written = request.url.raw_path.partition(b"?")[0].lower()
        path = None if b"%2f" in written else self._template(request.url.path)
        operation = None if path is None else self.paths[path].get(method)
        if path is None or operation is None:
            return []
        documented = operation["responses"].get(str(response.status_code))
        if documented is None:
            return [f"{request.method} {request.url.path}: {response.status_code} is not documented"]
        if "content" not in documented:
            return [f"{response.status_code} has no content"] if response.content else []
        told = response.headers.get("content-type", "")
        if told not in documented["content"]:
            return [f"{told} is not among {sorted(documented['content'])}"]
        if request.method == "HEAD" or "json" not in told:
            return []
        complaints = self._against(documented["content"][told]["schema"], response.json())
        if told == _PROBLEM:
            complaints += self._untold(path, method, response.json())
        strange = (*_unnamed(response.json()), *_elsewhere(response.json()))
        complaints += [f"{operation['operationId']}: {each}" for each in strange]
        asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if response.is_success and request.content and asked is not None:
            complaints += self._against(asked["schema"], json.loads(request.content))
        return complaints

    def _template(self, path: str) -> str | None:
        """Return the path of the document that one is of."""
        return next((template for pattern, template in self._templates if pattern.fullmatch(path)), None)

    def _untold(self, path: str, method: str, told: dict[str, Any]) -> list[str]:
        """Return that the reference does not tell of a problem where it has come, if so."""
        operation, problem = self._operations[path, method], known_problems().get(told.get("code", ""))
        if problem is None or may_come(problem, told["status"], operation):
            return []
        return [f"{told['code']} came at {operation.id}, which problems.toml does not tell (`at`)"]

    def _against(self, schema: dict[str, Any], instance: object) -> list[str]:
        """Return how an instance breaks a schema of the document."""
        validator = self._validators.get(id(schema))
        if validator is None:
            whole = {**schema, "components": self._components}
            validator = self._validators[id(schema)] = Draft202012Validator(whole, validate_formats=True)
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(instance)]


def _elsewhere(told: object) -> Iterator[str]:
    """Yield what is wrong with the texts of an answer that are an instant, or end with one."""
    if isinstance(told, str) and _OFFSET.search(told):
        yield f"{told} is told by another clock than that of UTC"
    elif isinstance(told, dict | list):
        for each in told.values() if isinstance(told, dict) else told:
            yield from _elsewhere(each)


def _unnamed(told: object) -> Iterator[str]:
    """Yield the members that problems.toml does not name of a problem, and of those that an answer has in it."""
    if isinstance(told, dict):
        if {"type", "title", "code", "trace_id"} <= told.keys():
            known = known_problems().get(told["code"])
            for name in sorted(told.keys() - MEMBERS - (known.members.keys() if known else set())):
                yield f"{told['code']} has {name}, which problems.toml does not name (`members`)"
        for each in told.values():
            yield from _unnamed(each)
    elif isinstance(told, list):
        for each in told:
            yield from _unnamed(each)


def assert_problem(
    response: httpx.Response, status: int, code: str, *, pointer: str | None = None, parameter: str | None = None
) -> None:
    """Assert that an answer is that problem, whole (RFC 9457), and of the request's own trace."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == _PROBLEM
    problem = response.json()
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert problem["type"] == f"/docs/problems/{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["trace_id"] == response.headers["traceparent"].split("-")[1]
    assert (problem.get("pointer"), problem.get("parameter")) == (pointer, parameter)
    if errors := problem.get("errors"):
        assert 2 <= len(errors) <= MISTAKES_MAX
        first = {name: problem[name] for name in ("code", "detail", "pointer", "parameter") if name in problem}
        assert errors[0] == first


def places(response: httpx.Response) -> list[str]:
    """Return all places that a problem names: pointers into the body, or names of parameters."""
    problem = response.json()
    return [one.get("pointer", one.get("parameter")) for one in problem.get("errors", [problem])]
