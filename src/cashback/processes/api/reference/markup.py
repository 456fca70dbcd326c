"""HTML out of parts: what is text is escaped, what is HTML already says so by its type."""

import re
from collections.abc import Sequence
from html import escape
from typing import Final

_VOID: Final = frozenset({"link", "meta"})
_MARKS: Final = re.compile(r"`(?P<code>[^`]+)`|\[(?P<words>[^\]]+)\]\((?P<target>[/#][^)\s]*)\)")
_JSON: Final = re.compile(
    r'(?P<name>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b)'
    r"|(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
)


class Html(str):
    """HTML that stands as it is; any other text is escaped where it is put into some."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str | bool) -> Html:
    """Return an element; an attribute's name has `_` for `-` and loses one at its end, and False leaves it out.

    >>> element("a", "x < y", href="#z", class_="far")
    '<a href="#z" class="far">x &lt; y</a>'
    """
    told = "".join(_attribute(name, value) for name, value in attributes.items() if value is not False)
    start = f"<{tag}{told}>"
    return Html(start) if tag in _VOID else Html(f"{start}{joined(content)}</{tag}>")


def joined(parts: Sequence[str], between: str = "") -> Html:
    """Return parts one after the other, each escaped unless it is HTML.

    >>> joined(["a & b", element("b", "c")])
    'a &amp; b<b>c</b>'
    """
    return Html(html_of(between).join(html_of(part) for part in parts))


def html_of(text: str) -> Html:
    """Return a text as HTML.

    >>> html_of(html_of("a < b"))
    'a &lt; b'
    """
    return text if isinstance(text, Html) else Html(escape(text, quote=False))


def marked(text: str) -> Html:
    """Return a text as HTML; nothing in it is taken for marks but code between backquotes, and links within our pages.

    >>> marked("`a` < [b](/docs)")
    '<code>a</code> &lt; <a href="/docs">b</a>'
    """
    told, end = [], 0
    for mark in _MARKS.finditer(text):
        told.append(html_of(text[end : mark.start()]))
        if mark["code"] is not None:
            told.append(element("code", mark["code"]))
        else:
            told.append(element("a", marked(mark["words"]), href=mark["target"]))
        end = mark.end()
    return Html("".join([*told, html_of(text[end:])]))


def paragraphs(text: str) -> Html:
    """Return a text as paragraphs, which blank lines part; where its other lines end says nothing."""
    return Html("".join(element("p", marked(" ".join(part.split()))) for part in text.split("\n\n") if part.strip()))


def sentence(text: str) -> str:
    """Return what stands in a table's cell as a sentence.

    >>> sentence("there is no such user")
    'There is no such user.'
    """
    return f"{text[:1].upper()}{text[1:]}."


def coloured(document: str) -> Html:
    """Return a JSON document, or several, with its names, texts, numbers and words told apart by their class.

    >>> coloured('{"a": null}')
    '{<span class="name">"a"</span>: <span class="word">null</span>}'
    """
    told, end = [], 0
    for token in _JSON.finditer(document):
        told.append(html_of(document[end : token.start()]))
        told.append(element("span", token[0], class_=str(token.lastgroup)))
        end = token.end()
    return Html("".join([*told, html_of(document[end:])]))


def _attribute(name: str, value: str | bool) -> str:  # noqa: FBT001  # an attribute that is there without a value
    """Return one attribute, with a blank before it."""
    named = name.removesuffix("_").replace("_", "-")
    return f" {named}" if value is True else f' {named}="{escape(str(value))}"'
