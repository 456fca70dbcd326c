"""The pages about problems, as HTML: one for each code, one that lists them all.

A page has no script, no picture and no address of anybody else. It is read as well in a narrow window, in the dark, and
without its style.
"""

import re
from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from cashback.kernel.problem import PAGES, title_of
from cashback.processes.api.reference.problems import KnownProblem

STYLE: Final = files("cashback.processes.api.reference").joinpath("style.css").read_bytes()

_CODE: Final = re.compile(r"`([^`]+)`")
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
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} - cashback</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def page_of(code: str, problem: KnownProblem) -> bytes:
    """Return the page about one problem."""
    return _page(
        title_of(code),
        _way_back(),
        f"<h1>{escape(title_of(code))}</h1>",
        f'<p class="facts"><code>{escape(code)}</code> <span>status {problem.status}</span></p>',
        _paragraph(_sentence(problem.means)),
        "<h2>What to do</h2>",
        _paragraph(problem.do),
        "<h2>May it be sent again?</h2>",
        _paragraph(_AGAIN if problem.again else _NOT_AGAIN),
        *(["<h2>What else it tells</h2>", _listed(problem.members)] if problem.members else []),
        f'<p class="note">Beside these it has the <a href="{_overview()}#members">members of every problem</a>.</p>',
    )


def page_of_status(code: str) -> bytes | None:
    """Return the page about `http_<status>`, what the web framework refuses by itself; None of any other code."""
    found = _OF_STATUS.fullmatch(code)
    if found is None or int(found[1]) not in set(HTTPStatus):
        return None
    means = "the web framework refused this before any of our rules did; `detail` tells why"
    do = f"Look up what HTTP means by status {found[1]}, and change the request accordingly."
    return page_of(code, KnownProblem(status=int(found[1]), means=means, do=do))


def overview_of(problems: Mapping[str, KnownProblem]) -> bytes:
    """Return the page that lists all problems, by their status."""
    told = [
        "<h1>Problems</h1>",
        _paragraph(
            "Every error of the API is a problem document (RFC 9457), and its `type` leads to one of these pages."
        ),
        '<h2 id="members">What every problem tells</h2>',
        _listed(_MEMBERS),
    ]
    for status in sorted({problem.status for problem in problems.values()}):
        told.append(f"<h2>Status {status}</h2>")
        told.append("<dl>")
        told += [_linked(code, one.means) for code, one in problems.items() if one.status == status]
        told.append("</dl>")
    told.append("<p>What else the web framework refuses is <code>http_</code> and the status.</p>")
    return _page("Problems", *told)


def _page(title: str, *body: str) -> bytes:
    """Return a whole page."""
    return _PAGE.format(title=escape(title), body="\n".join(body)).encode()


def _overview() -> str:
    """Return where all problems are listed."""
    return PAGES.rstrip("/")


def _way_back() -> str:
    """Return the link to the list of all problems."""
    return f'<nav><a href="{_overview()}">All problems</a></nav>'


def _linked(code: str, means: str) -> str:
    """Return one entry of the list of all problems."""
    link = f'<a href="{PAGES}{escape(code)}"><code>{escape(code)}</code></a>'
    return f"<dt>{link}</dt>\n<dd>{_marked(_sentence(means))}</dd>"


def _listed(members: Mapping[str, str]) -> str:
    """Return members of a document, each with what it tells."""
    entries = [
        f"<dt><code>{escape(name)}</code></dt>\n<dd>{_marked(_sentence(means))}</dd>" for name, means in members.items()
    ]
    return "\n".join(["<dl>", *entries, "</dl>"])


def _paragraph(text: str) -> str:
    """Return a text as a paragraph."""
    return f"<p>{_marked(text)}</p>"


def _sentence(text: str) -> str:
    """Return what stands in a table's cell as a sentence.

    >>> _sentence("there is no such user")
    'There is no such user.'
    """
    return f"{text[:1].upper()}{text[1:]}."


def _marked(text: str) -> str:
    """Return a text as HTML; nothing in it is taken for marks but code between backquotes.

    >>> _marked("`a` < b")
    '<code>a</code> &lt; b'
    """
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
