"""The OpenAPI document as a judge: whether an answer is one that it promises."""

import json
import re
from typing import Any, Final

import httpx
from jsonschema_rs import Draft202012Validator

from cashback.kernel.mistakes import MISTAKES_MAX

_PROBLEM: Final = "application/problem+json"


class Document:
    """An OpenAPI 3.1 document that answers are held against."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Judge by `document`."""
        self.paths: dict[str, dict[str, Any]] = document["paths"]
        self._components = document["components"]
        self._templates = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", template)), template)
            for template in sorted(self.paths, key=lambda one: one.count("{"))
        ]

    def complaints(self, response: httpx.Response) -> list[str]:
        """Return what is wrong with an answer; nothing is said of paths and methods that no route serves."""
        request = response.request
        operation = self._operation("GET" if request.method == "HEAD" else request.method, request.url.path)
        if operation is None:
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
        asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if response.is_success and request.content and asked is not None:
            complaints += self._against(asked["schema"], json.loads(request.content))
        return complaints

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return what the document says of a method at a path."""
        template = next((template for pattern, template in self._templates if pattern.fullmatch(path)), None)
        found: dict[str, Any] | None = None if template is None else self.paths[template].get(method.lower())
        return found

    def _against(self, schema: dict[str, Any], instance: object) -> list[str]:
        """Return how an instance breaks a schema of the document."""
        validator = Draft202012Validator({**schema, "components": self._components}, validate_formats=True)
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(instance)]


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
