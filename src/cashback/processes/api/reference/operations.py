"""The page of a tag: each of its operations with all that it takes and answers, and examples of both beside it."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from cashback.kernel.problem import PAGES
from cashback.processes.api.problems import KnownProblem
from cashback.processes.api.reference.document import Answer, Api, Content, Operation, Parameter, Tag
from cashback.processes.api.reference.frame import PROBLEMS, heading, listed_operations, method
from cashback.processes.api.reference.markup import Html, element, joined, marked, paragraphs
from cashback.processes.api.reference.members import Members, parameters
from cashback.processes.api.reference.samples import JSON, samples_of

_PLACES: Final = {"path": "Path", "query": "Query", "header": "Headers"}
_OF_ANSWER: Final = re.compile(r"\{?\$response\.body#/([\w/]+)\}?")
_DONE: Final = {HTTPStatus.OK.description: "", HTTPStatus.CREATED.description: ""}
"""What the framework says of an answer of which nobody has said anything."""


class Operations:
    """Tells of operations."""

    def __init__(self, api: Api, problems: Mapping[str, KnownProblem]) -> None:
        """Tell of those of `api`, and which problems they may answer."""
        self._api = api
        self._problems = problems
        self._names = {operation.id: operation for operation in api.operations}
        self._asked = Members(api.schemas, is_asked=True)
        self._answered = Members(api.schemas, is_asked=False)

    def main(self, tag: Tag) -> list[Html]:
        """Return what the page of a tag tells."""
        lead = [element("h1", tag.name), paragraphs(tag.text), listed_operations(tag)]
        return [element("div", *lead, class_="lead"), *(self._section(operation) for operation in tag.operations)]

    def _section(self, operation: Operation) -> Html:
        """Return one operation."""
        told = [
            paragraphs(operation.text),
            self._access(operation),
            *self._parameters(operation),
            *self._bodies(operation),
            *self._answers(operation),
            *self._refusals(operation),
        ]
        title = heading(2, operation.summary, operation.id)
        address = element(
            "p", method(operation.method), " ", element("code", _spread(operation.path)), class_="address"
        )
        samples = samples_of(operation)
        return element(
            "section",
            title,
            address,
            element(
                "div",
                element("div", *told, class_="told"),
                element(
                    "div",
                    samples,
                    class_="samples",
                    role="region",
                    aria_label=f"Examples: {operation.summary}",
                    tabindex="0",
                ),
                class_="beside",
            ),
            class_="operation",
            aria_labelledby=operation.id,
        )

    def _parameters(self, operation: Operation) -> Iterable[Html]:
        """Yield the parameters, by where they stand."""
        for place, title in _PLACES.items():
            found = [one for one in operation.parameters if one.place == place]
            if found:
                yield element("h3", title)
                yield parameters(found, self._api.schemas)

    def _bodies(self, operation: Operation) -> Iterable[Html]:
        """Yield what the body is."""
        for content in operation.bodies:
            yield _titled("Body", content)
            yield self._asked.of(content.schema)

    def _answers(self, operation: Operation) -> Iterable[Html]:
        """Yield what is answered when it was done."""
        for answer in operation.done:
            yield _titled(f"Answer {answer.status}", *answer.contents)
            yield paragraphs(_DONE.get(answer.text, answer.text))
            yield from self._headers(answer.headers)
            for content in (one for one in answer.contents if one.media_type == JSON):
                yield self._answered.of(content.schema)
            yield from self._links(answer)

    def _headers(self, headers: tuple[Parameter, ...]) -> Iterable[Html]:
        """Yield the headers of an answer, folded."""
        if headers:
            summary = element("summary", "Headers: ", joined([element("code", one.name) for one in headers], ", "))
            yield element("details", summary, parameters(headers, self._api.schemas))

    def _links(self, answer: Answer) -> Iterable[Html]:
        """Yield what may be asked next of an answer."""
        found = [(link, self._names[link.operation_id]) for link in answer.links if link.operation_id in self._names]
        if found:
            rows = [
                element(
                    "li",
                    element("a", operation.summary, href=operation.place),
                    *(marked(f" with `{_member(value)}` as `{name}`") for name, value in link.parameters.items()),
                    *([": ", marked(link.text)] if link.text.rstrip(".") not in {"", operation.summary} else []),
                )
                for link, operation in found
            ]
            yield element("details", element("summary", "What may come next"), element("ul", *rows))

    def _refusals(self, operation: Operation) -> Iterable[Html]:
        """Yield which problems may come instead, each with the way to its page."""
        if operation.refused:
            statuses = ", ".join(str(answer.status) for answer in operation.refused)
            rows = [part for answer in operation.refused for part in self._refusal(operation, answer)]
            summary = element("summary", element("h3", "Problems"), element("span", statuses, class_="quiet"))
            yield element("details", summary, element("dl", *rows, class_="refusals"), class_="problems")

    def _refusal(self, operation: Operation, answer: Answer) -> Iterable[Html]:
        """Yield one status that refuses, and its codes."""
        codes = [code for code, one in self._problems.items() if may_come(one, answer.status, operation)]
        links = [element("a", element("code", code), href=f"{PAGES}{code}") for code in codes]
        status = element("a", str(answer.status), href=f"{PROBLEMS}#status-{answer.status}")
        told = [element("p", joined(links, " "), class_="codes")] if links else []
        if answer.headers:
            names = joined([element("code", header.name) for header in answer.headers], ", ")
            told.append(element("p", "Headers: ", names, class_="quiet"))
        yield element("dt", status)
        yield element("dd", paragraphs(answer.text), *told)

    def _access(self, operation: Operation) -> Html:
        """Return whose key it takes, and what that needs to have been made for."""
        if operation.scopes is None:
            return element("p", "Open to everybody: no key is needed.", class_="access")
        is_operators = self._problems["operator_only"].may_come_at(operation.names)
        kinds = "An operator's key" if is_operators else "An operator's or a merchant's key"
        scopes = joined([element("code", scope) for scope in operation.scopes], ", ")
        return element("p", kinds, "; scope ", scopes, class_="access")


def may_come(problem: KnownProblem, status: int, operation: Operation) -> bool:
    """Tell whether an operation may answer with a problem where it answers with a status."""
    return problem.status == status and problem.may_come_at(operation.names)


def _member(expression: str) -> str:
    """Return the member of an answer that an expression of OpenAPI means (3.1, 4.8.20.4), as programs write it.

    >>> _member("$response.body#/cashback/id")
    'cashback.id'
    """
    return _OF_ANSWER.sub(lambda found: found[1].replace("/", "."), expression)


def _titled(title: str, *contents: Content) -> Html:
    """Return a title, with the media types where they are not the usual one."""
    types = [one.media_type for one in contents]
    unusual = [] if types == [JSON] else [" ", element("span", ", ".join(types), class_="quiet")]
    return element("h3", title, *unusual)


def _spread(path: str) -> Html:
    """Return a path with its parameters told apart, and places where a line may end."""
    parts = path.split("/")
    told = [element("i", part) if part.startswith("{") else part for part in parts]
    return joined([part if place == 0 else joined([Html("<wbr>"), "/", part]) for place, part in enumerate(told)])
