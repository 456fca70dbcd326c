"""A page of the reference as whoever reads it gets it: where it leads, what it has, what stands at a place."""

import re
from html.parser import HTMLParser
from typing import Final

FORBIDDEN: Final = re.compile(r"<script|<style|<iframe|<img|<form|<base|style=|\son\w+=|url\(|@import", re.IGNORECASE)
"""What a page must not have: it would run, look or lead elsewhere."""

_VOID: Final = {"meta", "link", "wbr", "br", "hr", "img", "input"}
_TITLES: Final = {"h1", "h2", "h3", "h4", "h5", "h6"}
_ADDRESSES: Final = {"href", "src", "srcset", "action", "data", "poster", "formaction", "ping", "background", "cite"}


class Seen(HTMLParser):
    """One page, taken apart; a mark that closes what is not open is a fault."""

    def __init__(self, page: str) -> None:
        """Read `page`."""
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.titles: list[int] = []
        self.marks: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self.samples: list[str] = []
        self._open: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that begins."""
        told = {name: value or "" for name, value in attrs}
        assert len(told) == len(attrs), (tag, attrs)
        self.marks.append((tag, told))
        self.addresses += [value for name, value in told.items() if name in _ADDRESSES]
        if tag in _TITLES:
            self.titles.append(int(tag[1]))
        if "id" in told:
            self.ids.append(told["id"])
        if tag == "pre":
            self.samples.append("")
        if tag not in _VOID:
            # The text of an operation is that of its whole section, which its title is in.
            self._open.append((tag, told.get("aria-labelledby", told.get("id"))))

    def handle_endtag(self, tag: str) -> None:
        """Note an element that ends."""
        opened, _ = self._open.pop()
        assert opened == tag, (opened, tag)

    def handle_data(self, data: str) -> None:
        """Note a text, for everything with a name that it stands in."""
        for _, name in self._open:
            if name is not None:
                self.texts[name] = self.texts.get(name, "") + data
        if any(tag == "pre" for tag, _ in self._open):
            self.samples[-1] += data

    def count(self, tag: str) -> int:
        """Return how many elements of a kind there are."""
        return sum(1 for one, _ in self.marks if one == tag)
