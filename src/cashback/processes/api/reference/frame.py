"""What is around every page: its head, the way to all the others, and where it ends.

A page has no script, no picture and no address of anybody else. It is read as well in a narrow window, in the dark, by
keyboard alone, on paper, and without its style.
"""

from typing import Final

from cashback.kernel.problem import PAGES
from cashback.processes.api.reference.document import DOCS, Api, Tag
from cashback.processes.api.reference.markup import Html, element, joined
from cashback.processes.api.reference.members import SCHEMAS

PROBLEMS: Final = PAGES.rstrip("/")
DOCUMENT: Final = "/openapi/openapi.json"
STYLE: Final = f"{DOCS}/style.css"


class Frame:
    """Puts pages together."""

    def __init__(self, api: Api, sections: dict[str, str]) -> None:
        """Lead to the pages of `api`, and to the sections of the overview: title by anchor."""
        self._api = api
        self._sections = sections
        self._elsewhere = self._ways("", None)

    def page(self, title: str, *main: str, at: str, tag: Tag | None = None, told: str = "") -> bytes:
        """Return a whole page; `at` is its own address, `told` what it is about in a sentence."""
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            *([element("meta", name="description", content=told)] if told else []),
            element("title", f"{title} - {self._api.title}"),
            element("link", rel="stylesheet", href=STYLE),
        )
        body = element(
            "body",
            element("a", "Skip to the text", href="#text", class_="skip"),
            self._banner(),
            element(
                "div",
                self._elsewhere if at.startswith(PAGES) else self._ways(at, tag),
                element("main", *main, self._onward(tag), id="text", tabindex="-1"),
                class_="frame",
            ),
            self._end(),
        )
        return f"<!doctype html>\n{element('html', head, body, lang='en')}\n".encode()

    def _banner(self) -> Html:
        """Return what stands above everything."""
        brand = element(
            "a", element("b", self._api.title), " ", element("span", "API reference"), href=DOCS, class_="brand"
        )
        version = element("span", f"Version {self._api.version}", class_="version")
        return element("header", brand, version, class_="banner")

    def _ways(self, at: str, tag: Tag | None) -> Html:
        """Return the way to all pages; a wide window always shows it, a narrow one has it unfolded."""
        guide = [
            _way("Overview", DOCS, at),
            *(_way(title, f"{DOCS}#{anchor}", at) for anchor, title in self._sections.items()),
        ]
        subjects = []
        for one in self._api.tags:
            inside = [_way(operation.summary, f"#{operation.id}", at) for operation in one.operations]
            below = [element("ul", *inside)] if one == tag else []
            subjects.append(element("li", _link(one.name, one.page, at), *below))
        rest = [_way("Problems", PROBLEMS, at), _way("Schemas", SCHEMAS, at), _way("OpenAPI document", DOCUMENT, at)]
        groups = [("Guide", guide), ("By subject", subjects), ("Look up", rest)]
        told = [part for name, ways in groups for part in (element("p", name, class_="group"), element("ul", *ways))]
        return element("nav", element("details", element("summary", "Contents"), *told), aria_label="All pages")

    def _onward(self, tag: Tag | None) -> Html:
        """Return the way to the subjects before and after this one."""
        if tag is None:
            return Html()
        place = self._api.tags.index(tag)
        before = [
            element("a", "← ", one.name, href=one.page, rel="prev") for one in self._api.tags[max(0, place - 1) : place]
        ]
        after = [
            element("a", one.name, " →", href=one.page, rel="next") for one in self._api.tags[place + 1 : place + 2]
        ]
        return element("nav", *before, *after, class_="onward", aria_label="Subjects before and after")

    def _end(self) -> Html:
        """Return what stands below everything."""
        return element(
            "footer",
            element(
                "p", "Made from the ", element("a", "OpenAPI document", href=DOCUMENT), " of the server that shows it."
            ),
        )


def _way(name: str, address: str, at: str) -> Html:
    """Return one entry of a list of ways."""
    return element("li", _link(name, address, at))


def _link(name: str, address: str, at: str) -> Html:
    """Return a link, which says so where it leads to the page that it stands on."""
    return element("a", name, href=address, aria_current="page" if address == at else False)


def heading(level: int, words: str, anchor: str) -> Html:
    """Return a heading that can be led to, and that leads to itself."""
    return element(f"h{level}", element("a", words, href=f"#{anchor}"), id=anchor)


def method(name: str) -> Html:
    """Return a method of HTTP, in its colour."""
    return element("span", name, class_=f"method {name.lower()}")


def listed_operations(tag: Tag) -> Html:
    """Return the operations of a tag, each with its address and the way to it."""
    rows = [
        element(
            "li",
            element("a", one.summary, href=one.place),
            element("span", method(one.method), " ", element("code", one.path), class_="address"),
        )
        for one in tag.operations
    ]
    return element("ul", joined(rows), class_="operations")
