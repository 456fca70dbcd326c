"""What the documents claim, read out of them: links, commands, paths, tables, examples."""

import ast
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "cashback"

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^\s*```(?P<language>\w*)\n(?P<body>.*?)^\s*```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(
    r"(?P<path>(?:[\w.-]+/)+(?:[\w.-]+\.(?:py|sol|proto|sql|toml|yaml|json|conf|sh|csv|md|txt))?)(:(?P<name>[\w.]+))?"
)
ENDS = frozenset({"|", "||", "&&", ";", ">", "#"})


def documents() -> list[Path]:
    """Return every document of the project, and those that lie beside what they are about."""
    beside = [*(ROOT / "contracts").glob("*.md"), ROOT / "migrations" / "README.md"]
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md"), *beside])


def name_of(document: Path) -> str:
    """Return a document's path from the root, to name a test's case by."""
    return document.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Return a document without its blocks of code."""
    return FENCE.sub("", text)


def blocks(text: str, language: str = "") -> list[str]:
    """Return the blocks of code of one language; those without a language are commands or pictures."""
    return [found["body"] for found in FENCE.finditer(text) if found["language"] == language]


def anchors(text: str) -> frozenset[str]:
    """Return the anchors of a document's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def broken_links(text: str, place: Path) -> Iterator[str]:
    """Yield each relative link of a document at `place` that leads nowhere."""
    for found in LINK.finditer(prose(text)):
        target, _, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (place.parent / target).resolve() if target else place
        is_there = path.exists() and (not anchor or (path.is_file() and anchor in anchors(path.read_text())))
        if not is_there:
            yield found["target"]


def called(text: str) -> list[list[str]]:
    """Return the arguments of each `cashback ...` command in a document's blocks: to be typed as it stands."""
    return _commands(line for block in blocks(text) for line in block.replace("\\\n", " ").splitlines())


def mentioned(text: str) -> list[list[str]]:
    """Return the arguments of each `cashback ...` command in a document's prose: perhaps without all that it needs."""
    return _commands(INLINE.findall(prose(text)))


def _commands(lines: Iterable[str]) -> list[list[str]]:
    """Return the arguments of the lines that are commands of ours."""
    return [command for command in map(_arguments, lines) if command is not None]


def _arguments(line: str) -> list[str] | None:
    """Return what follows `cashback` in a line whose command that is, or None.

    There `$(...)` counts as one word, and `$line` as a number.
    """
    flat = re.sub(r"\$\([^)]*\)", "VALUE", line).replace("$line", "1")
    if not re.match(r"\s*(\w+=\S+ )*(\S*/)?cashback( |$)", flat):
        return None
    words = shlex.split(flat, comments=True)
    while not re.fullmatch(r"(\S*/)?cashback", words[0]):
        del words[0]
    end = next((place for place, word in enumerate(words) if word in ENDS), len(words))
    return words[1:end]


def named_paths(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each path that a document's prose names in backquotes, with the name in that file that is named, too."""
    for span in INLINE.findall(prose(text)):
        found = NAMED.fullmatch(span)
        if found:
            yield found["path"], found["name"]


def resolved(path: str) -> Path | None:
    """Return a named path, from the root or below `src/cashback`, or None when there is nothing."""
    return next((place for place in (ROOT / path, SOURCES / path) if place.exists()), None)


def defines(text: str, name: str) -> bool:
    """Tell whether Python source defines a module's name, or `Class.method`."""
    body = ast.parse(text).body
    for part in name.split("."):
        found = next((node for node in body if part in _names(node)), None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return True


def _names(node: ast.stmt) -> list[str]:
    """Return what a statement gives a name to."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, down to the next one of its rank."""
    mark = heading.split(maxsplit=1)[0]
    _, found, rest = text.partition(f"{heading}\n")
    assert found, heading
    return re.split(rf"^#{{1,{len(mark)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of a document's tables, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        row for place, row in enumerate(cells) if not _is_rule(row) and not _is_rule(cells[(place + 1) % len(cells)])
    ]


def _is_rule(row: list[str]) -> bool:
    """Tell whether a row is the line below a table's heading."""
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def codes(cells: list[list[str]], column: int = 0) -> list[str]:
    """Return the code of each row, which stands in backquotes."""
    found = [INLINE.match(row[column]) for row in cells]
    return [one[1] for one in found if one]
