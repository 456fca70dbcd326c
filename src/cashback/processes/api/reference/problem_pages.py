"""The pages about problems: one for each code, one that lists them all."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from cashback.kernel.problem import PAGES, title_of
from cashback.processes.api.problems import KnownProblem
from cashback.processes.api.reference.document import Api
from cashback.processes.api.reference.frame import PROBLEMS, method
from cashback.processes.api.reference.markup import Html, element, joined, marked, paragraphs, sentence

_OF_STATUS: Final = re.compile(r"http_(4[0-9]{2})")
_AGAIN: Final = (
    "Yes: send the same request under the same `Idempotency-Key`, after as many seconds as `Retry-After` says where it"
    " is there. Whatever was done already is not done twice."
)
_NOT_AGAIN: Final = (
    "Not as it is: it is refused until something has changed. A request that was refused used up nothing."
)
_MEMBERS: Final = {
    "type": "leads to the page about its `code`, as seen from the address that was asked",
    "title": "the code in words",
    "status": "the status of the answer",
    "code": "what happened, for programs; it never changes",
    "detail": "what happened this time, for people",
    "trace_id": "what to tell the operator, who finds all that belongs to this request by it",
    "pointer": "where in the body (a JSON pointer, RFC 6901), if it is about a place there",
    "parameter": "which header, part of the path or of the query, if it is about one",
    "errors": (
        "where several things are wrong, all of them, 20 at most, each with `code`, `detail` and `pointer` or"
        " `parameter`; the first is what the document itself tells"
    ),
}


def page_of(code: str, problem: KnownProblem, api: Api) -> list[Html]:
    """Return what the page about one problem tells."""
    status = element("span", f"status {problem.status}")
    return [
        element("nav", element("a", "All problems", href=PROBLEMS), class_="back", aria_label="Back"),
        element("h1", title_of(code)),
        element("p", element("code", code), " ", status, class_="facts"),
        paragraphs(sentence(problem.means)),
        element("h2", "What to do"),
        paragraphs(problem.do),
        element("h2", "May it be sent again?"),
        paragraphs(_AGAIN if problem.again else _NOT_AGAIN),
        *([element("h2", "What else it tells"), _listed(problem.members)] if problem.members else []),
        *_places(problem, api),
        element(
            "p",
            "Beside these it has the ",
            element("a", "members of every problem", href=f"{PROBLEMS}#members"),
            ".",
            class_="note",
        ),
    ]


def page_of_status(code: str) -> KnownProblem | None:
    """Return what there is to say of `http_<status>`, what the framework refuses by itself; None of another code."""
    found = _OF_STATUS.fullmatch(code)
    if found is None or int(found[1]) not in set(HTTPStatus):
        return None
    means = "the web framework refused this before any of our rules did; `detail` tells why"
    do = f"Look up what HTTP means by status {found[1]}, and change the request accordingly."
    return KnownProblem(status=int(found[1]), means=means, do=do, at=("elsewhere",))


def statuses_of_framework() -> list[str]:
    """Return every code that the web framework may refuse with by itself."""
    codes = [f"http_{int(status)}" for status in HTTPStatus]
    return [code for code in codes if page_of_status(code) is not None]


def list_of_all(problems: Mapping[str, KnownProblem]) -> list[Html]:
    """Return what the page tells that lists all problems, by their status."""
    told = [
        element("h1", "Problems"),
        paragraphs(
            "Every error of the API is a problem document (RFC 9457), and its `type` leads to one of these pages."
        ),
        element("h2", "What every problem tells", id="members"),
        _listed(_MEMBERS),
    ]
    for status in sorted({problem.status for problem in problems.values()}):
        told.append(element("h2", f"Status {status}", id=f"status-{status}"))
        found = [_linked(code, one.means) for code, one in problems.items() if one.status == status]
        told.append(element("dl", *found, class_="rows"))
    return [
        *told,
        element("p", "What else the web framework refuses is ", element("code", "http_"), " and the status."),
    ]


def _places(problem: KnownProblem, api: Api) -> list[Html]:
    """Return where a problem may come, if that is not everywhere."""
    found = [
        operation
        for operation in (api.operations if problem.at else ())
        if problem.may_come_at(operation.names)
        if any(answer.status == problem.status for answer in operation.refused)
    ]
    if not found:
        return []
    rows = [
        element(
            "li",
            element("a", one.summary, href=one.place),
            element("span", method(one.method), " ", element("code", one.path), class_="address"),
        )
        for one in found
    ]
    return [element("h2", "Where it may come"), element("ul", *rows, class_="operations")]


def _linked(code: str, means: str) -> Html:
    """Return one entry of the list of all problems."""
    link = element("a", element("code", code), href=f"{PAGES}{code}")
    return element("div", element("dt", link, id=code), element("dd", marked(sentence(means))))


def _listed(members: Mapping[str, str]) -> Html:
    """Return members of a document, each with what it tells."""
    rows = [
        element("div", element("dt", element("code", name)), element("dd", marked(sentence(means))))
        for name, means in members.items()
    ]
    return element("dl", joined(rows), class_="rows")
