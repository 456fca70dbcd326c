"""Examples as they stand in the document: what is sent, as a command of curl too, and what is answered."""

import json
import re
import shlex
from typing import Any, Final
from urllib.parse import quote

import msgspec

from cashback.processes.api.reference.document import Content, Example, Operation
from cashback.processes.api.reference.markup import Html, coloured, element, html_of, joined

JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
_IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_KEY: Final = "order-1"
"""The idempotency key of a command whose own is not in the document."""

_PATH_PARAMETER: Final = re.compile(r"{(\w+)}")


class Command(msgspec.Struct, frozen=True):
    """A command of curl: what stands before its body, and the body, of which a shell sees no mark."""

    head: str
    body: str = ""
    foot: str = ""

    @property
    def whole(self) -> str:
        """The command as it is typed."""
        return self.head + self.body.replace("'", "'\\''") + self.foot


def samples_of(operation: Operation) -> Html:
    """Return what stands beside an operation: the commands that ask, and what is answered."""
    contents = operation.bodies or (None,)
    requests = [
        (content, example)
        for content in contents
        for example in (content.examples if content is not None and content.examples else (None,))
    ]
    asked = [
        _panel(
            _caption(content, example), _coloured(command_of(operation, content, example, place=place)), lead="Request"
        )
        for place, (content, example) in enumerate(requests)
    ]
    bodies = [
        _folded(f"The body alone{_of(example)}", shown(example.value))
        for content in operation.bodies
        for example in content.examples
    ]
    answered = [
        _panel(f"{answer.status}{_kind(content)}{_of(example)}", shown(example.value), lead="Answer")
        for answer in operation.done
        for content in answer.contents
        for example in content.examples
    ]
    return joined([*asked, *bodies, *answered, *_refusals(operation)])


def command_of(operation: Operation, content: Content | None, example: Example | None, *, place: int = 0) -> Command:
    """Return the command of curl that asks an operation, with the body of an example where it takes one.

    `place` is that among the operation's commands: each is another request, and has a key of its own.
    """
    lines = [f'curl "$CASHBACK_API_URL{_address(operation)}"']
    if operation.scopes is not None:
        lines.append('--oauth2-bearer "$CASHBACK_API_KEY"')
    for header in (one for one in operation.parameters if one.place == "header"):
        value = _text(header.examples[0].value) if header.examples else _KEY
        if header.name == _IDEMPOTENCY_KEY:
            value = _key_at(value, place)
        if header.is_required or header.examples:
            lines.append(f"-H {shlex.quote(f'{header.name}: {value}')}")
    if content is not None and content.media_type != JSON:
        lines.append(f"-H 'Content-Type: {content.media_type}'")
    option = "--json" if content is None or content.media_type == JSON else "--data-binary"
    if content is None:
        lines += ["-X POST"] if operation.method == "POST" else []
    elif example is None:
        lines.append(f"{option} @body.{'ndjson' if content.media_type == _LINES else 'json'}")
    else:
        # A line of JSON may stand further in; lines of what is text already may not.
        body = shown(example.value) if isinstance(example.value, str) else shown(example.value).replace("\n", "\n  ")
        return Command(" \\\n  ".join([*lines, f"{option} '"]), body, "'")
    return Command(" \\\n  ".join(lines))


def shown(value: Any) -> str:  # noqa: ANN401  # whatever an example is
    """Return an example as text: JSON over several lines; what is text already, as lines and CSV are, as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _address(operation: Operation) -> str:
    """Return path and query of an example; what has none in the path is named in capitals."""
    known = {one.name: _text(one.examples[0].value) for one in operation.parameters if one.examples}
    path = _PATH_PARAMETER.sub(
        lambda found: quote(known[found[1]], safe="") if found[1] in known else found[1].upper(), operation.path
    )
    asked = [one for one in operation.parameters if one.place == "query" and (one.is_required or one.name in known)]
    query = "&".join(f"{one.name}={quote(known.get(one.name, one.name.upper()), safe='')}" for one in asked)
    return f"{path}?{query}" if query else path


def _key_at(key: str, place: int) -> str:
    """Return an idempotency key for the command at a place, that of the first as it is.

    >>> _key_at("createRefund-1", 0), _key_at("createRefund-1", 3), _key_at("order", 1)
    ('createRefund-1', 'createRefund-4', 'order-2')
    """
    stem, dash, number = key.rpartition("-")
    if dash and number.isdecimal():
        return f"{stem}-{int(number) + place}"
    return f"{key}-{place + 1}" if place else key


def _text(value: Any) -> str:  # noqa: ANN401  # whatever an example is
    """Return an example as it stands in an address or a header."""
    return value if isinstance(value, str) else json.dumps(value)


def _coloured(command: Command) -> Html:
    """Return a command with its body coloured, if there is one that a shell takes as it is."""
    if "'" in command.body:
        return html_of(command.whole)
    return joined([command.head, coloured(command.body), command.foot])


def _refusals(operation: Operation) -> list[Html]:
    """Return the examples of problems, folded: there may be one for each status."""
    return [
        _folded(f"{answer.status}{_of(example) or _code(example)}", shown(example.value))
        for answer in operation.refused
        for content in answer.contents
        for example in content.examples
    ]


def _code(example: Example) -> str:
    """Return the code of an example of a problem, with a blank before it."""
    return f" {example.value['code']}" if isinstance(example.value, dict) and "code" in example.value else ""


def _caption(content: Content | None, example: Example | None) -> str:
    """Return what a request is an example of."""
    told = "" if content is None or content.media_type == JSON else content.media_type
    return f"{told}{_of(example)}".strip()


def _kind(content: Content) -> str:
    """Return the media type of an answer, with a blank before it, where it is not the usual one."""
    return "" if content.media_type == JSON else f" {content.media_type}"


def _of(example: Example | None) -> str:
    """Return what an example is one of, with a blank before it."""
    return f" {example.summary}" if example is not None and example.summary else ""


def _panel(caption: str, content: str, *, lead: str) -> Html:
    """Return an example that is seen at once."""
    told = content if isinstance(content, Html) else coloured(content)
    return element(
        "figure",
        element("figcaption", element("b", lead), *([f" {caption}"] if caption else [])),
        element("pre", element("code", told)),
        class_="sample",
    )


def _folded(caption: str, content: str) -> Html:
    """Return an example that is unfolded by whoever wants to see it."""
    return element(
        "details", element("summary", caption), element("pre", element("code", coloured(content))), class_="sample"
    )
