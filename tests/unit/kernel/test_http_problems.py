"""Every failure has one status, one code, and no more words than are good for its reader."""

import msgspec
import pytest
import structlog
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from cashback.kernel.errors import (
    Broken,
    CashbackError,
    Conflict,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    Rejected,
    Unavailable,
)
from cashback.kernel.http.problems import problem_of
from cashback.kernel.problem import MEDIA_TYPE, Problem, problem_document
from cashback.kernel.telemetry import trace

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "error,status,code",
    [
        (Invalid("no"), 422, "invalid"),
        (NotFound("no"), 404, "not_found"),
        (Conflict("no"), 409, "conflict"),
        (Forbidden("no"), 403, "forbidden"),
        (Limited("no"), 429, "limited"),
        (Rejected("no"), 400, "rejected"),
        (Unavailable("no"), 503, "unavailable"),
        (NotFoundException(), 404, "route_unknown"),
        (MethodNotAllowedException(headers={"allow": "GET, OPTIONS"}), 405, "method_not_allowed"),
        (ValidationException("no"), 422, "request_invalid"),
        (HTTPException(status_code=418, detail="no"), 418, "http_418"),
    ],
)
def test_each_kind_of_failure_has_its_status(error: Exception, status: int, code: str) -> None:
    """The one table from kind to protocol."""
    answer = problem_of(error)
    document = msgspec.json.decode(answer.content, type=Problem)
    assert (answer.status_code, document.status, document.code) == (status, status, code)
    assert answer.media_type == MEDIA_TYPE
    assert (answer.headers.get("Retry-After") is not None) == (status in {429, 503})


@pytest.mark.parametrize("error", [Broken("a secret"), CashbackError("a secret"), RuntimeError("a secret")])
def test_what_is_broken_inside_is_logged_and_not_told(error: Exception) -> None:
    """One line with the cause, one sentence without it."""
    with structlog.testing.capture_logs() as lines:
        answer = problem_of(error)
    assert (answer.status_code, msgspec.json.decode(answer.content)["code"]) == (500, "internal")
    assert b"secret" not in answer.content
    assert [(line["event"], line["exc_info"]) for line in lines] == [("request.broke", error)]


def test_a_refusal_is_not_logged() -> None:
    """What a client does wrong is its own affair: nobody fills our disk with it."""
    with structlog.testing.capture_logs() as lines:
        problem_of(Invalid("no"))
        problem_of(NotFoundException())
    assert lines == []


def test_a_problem_names_its_trace() -> None:
    """Zeros outside any trace, which the standard reserves for none."""
    with trace(TRACE):
        inside = msgspec.json.decode(problem_document(404, "gone", "it is gone"), type=Problem)
    outside = msgspec.json.decode(problem_document(404, "gone", "it is gone"), type=Problem)
    assert (inside.trace_id, outside.trace_id) == (TRACE.split("-")[1], "0" * 32)
    assert (inside.type, inside.title) == ("/docs/problems/gone", "Gone")


@pytest.mark.parametrize(
    "code,title",
    [
        ("json_malformed", "JSON malformed"),
        ("api_key_invalid", "API key invalid"),
        ("body_too_large", "Body too large"),
    ],
)
def test_a_title_is_written_as_people_write_it(code: str, title: str) -> None:
    """Acronyms in capitals."""
    assert msgspec.json.decode(problem_document(400, code, "no"), type=Problem).title == title


def test_the_frameworks_own_problems_speak_in_our_words() -> None:
    """A sentence says more than the status' phrase once more."""
    for error in (NotFoundException(), MethodNotAllowedException()):
        detail = msgspec.json.decode(problem_of(error).content, type=Problem).detail
        assert detail not in {"Not Found", "Method Not Allowed"}
        assert detail.startswith(("there is", "this path"))


def test_further_members_never_hide_the_documents_own() -> None:
    """Whatever a failure carries can be told, or it would break the answer to it."""
    fields = {"status": 200, "code": "fine", "pointer": "/a", "thing": object, "amount": 2**70}
    document = msgspec.json.decode(problem_document(422, "invalid", "no", fields=fields))
    assert (document["status"], document["code"], document["pointer"]) == (422, "invalid", "/a")
    assert document["amount"] == 2**70
    assert document["thing"] == str(object)
