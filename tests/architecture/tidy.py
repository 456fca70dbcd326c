"""The house rules that no ready-made linter knows, each a function from one file's text to its complaints.

test_tidy.py holds them against every file, and plants a violation of each to see that it can fail.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES_PER_FILE = 300
LINES_PER_FUNCTION = 60
BANNED_MODULES = frozenset({"common", "core", "helper", "helpers", "misc", "util", "utils"})
BANNED_ENDINGS = ("Base", "DTO", "Data", "Helper", "Impl", "Info", "Manager", "Processor", "Util", "Utils")
INVARIANTS = frozenset(f"I{number}" for number in range(1, 11))
CITED = re.compile(r"\bI(?:10|[1-9])\b")

# Where an amount may pass. What lies outside (processes, telemetry, the node's wire) may count seconds and ratios.
MONEY = re.compile(r"src/cashback/((purchases|ledger|minting)/|chain/(model|rules|store)|kernel/money)")

# A comment that silences ruff or mypy, up to where its reason begins.
IGNORE = re.compile(r"#\s*(noqa(: *[A-Z]+[0-9]+(, *[A-Z]+[0-9]+)*)?|type: ignore(\[[a-z-]+(, *[a-z-]+)*\])?)")

Rule = Callable[[str, str], Iterator[str]]


@lru_cache(maxsize=1)
def _nodes(text: str) -> tuple[ast.AST, ...]:
    """Return all that a file consists of: whoever holds several rules against it, one after the other, parses once."""
    return tuple(ast.walk(ast.parse(text)))


def python_files() -> list[str]:
    """Return every Python file that people write here, as paths from the root; generated code is not written."""
    found = [ROOT / "noxfile.py"]
    for folder in ("src", "tests", "openapi", "proto", "requirements", "migrations", "contracts", "docs"):
        found += (ROOT / folder).rglob("*.py")
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [name for name in names if not re.search(r"^src/cashback/(wire|client/api)/|/node_modules/|/build/", name)]


def long_file(path: str, text: str) -> Iterator[str]:
    """Complain about a file that should have become a package."""
    lines = text.count("\n")
    if lines > LINES_PER_FILE:
        yield f"{path}: {lines} lines, at most {LINES_PER_FILE}"


def long_function(path: str, text: str) -> Iterator[str]:
    """Complain about a function that is longer than a page."""
    for node in _nodes(text):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_PER_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines, at most {LINES_PER_FUNCTION}"


def drawer_module(path: str, text: str) -> Iterator[str]:
    """Complain about a module named for not knowing what is in it."""
    del text
    for part in Path(path).with_suffix("").parts:
        if part in BANNED_MODULES:
            yield f"{path}: `{part}` names no purpose"


def hollow_class(path: str, text: str) -> Iterator[str]:
    """Complain about a class whose last word says nothing."""
    for node in _nodes(text):
        if isinstance(node, ast.ClassDef) and node.name.endswith(BANNED_ENDINGS):
            yield f"{path}:{node.lineno}: {node.name} ends in a word that says nothing"


def _is_seconds(name: str | None) -> bool:
    return name is not None and name.lower().endswith("_s")


def _seconds(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what belongs to a name in seconds (`deadline_s`): time is no money, and may be a float."""
    for node in nodes:
        if isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            defaults = [None] * (len(positional) - len(node.defaults)) + list(node.defaults)
            pairs = [*zip(positional, defaults, strict=True), *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            yield from (part for arg, value in pairs if _is_seconds(arg.arg) for part in (arg, value) if part)
        elif isinstance(node, ast.keyword) and _is_seconds(node.arg):
            yield node
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if _is_seconds(getattr(target, "id", getattr(target, "attr", None))):
                yield node


def float_near_money(path: str, text: str) -> Iterator[str]:
    """Complain about a float where an amount may pass: the type, a literal, a true division."""
    if not MONEY.match(path):
        return
    nodes = _nodes(text)
    excused = {id(inner) for outer in _seconds(nodes) for inner in ast.walk(outer)}
    for node in nodes:
        is_type = isinstance(node, ast.Name) and node.id == "float"
        is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        # `/` makes a float of two integers; exact ratios are built with Fraction(a, b), whole ones with `//`.
        is_division = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        if (is_type or is_literal or is_division) and id(node) not in excused:
            yield f"{path}:{getattr(node, 'lineno', 0)}: a float near money"


def sleep(path: str, text: str) -> Iterator[str]:
    """Complain about sleeping: a thread never, a test not even with asyncio, except to yield once."""
    is_test = path.startswith("tests/")
    for node in _nodes(text):
        if not isinstance(node, ast.Call) or "sleep" not in (called := ast.unparse(node.func)):
            continue
        is_yield = called == "asyncio.sleep" and [ast.unparse(arg) for arg in node.args] == ["0"]
        if called == "time.sleep" or (is_test and called.split(".")[-1] == "sleep" and not is_yield):
            yield f"{path}:{node.lineno}: `{ast.unparse(node)}`: wait on a fact with a deadline"


def unexplained_ignore(path: str, text: str) -> Iterator[str]:
    """Complain about a linter or type checker silenced without a word why."""
    for number, line in enumerate(text.splitlines(), start=1):
        silenced = IGNORE.search(line)
        if silenced and not re.search(r"[a-z]{3}", line[silenced.end() :]):
            yield f"{path}:{number}: `{silenced[0].strip()}` without a reason beside it"


def tests_in(path: str, text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions of a file under tests/."""
    if not path.startswith("tests/"):
        return []
    functions = [node for node in _nodes(text) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node for node in functions if node.name.startswith("test_")]


def silent_test(path: str, text: str) -> Iterator[str]:
    """Complain about a test that does not say in a sentence what it specifies."""
    for test in tests_in(path, text):
        if not ast.get_docstring(test):
            yield f"{path}:{test.lineno}: {test.name} has no docstring"


def invariants_cited(path: str, text: str) -> frozenset[str]:
    """Return the invariants that the tests of this file cite, in a docstring or by `@pytest.mark.invariant("I2")`."""
    cited: set[str] = set()
    for test in tests_in(path, text) if CITED.search(text) else ():
        marks = [ast.unparse(mark) for mark in test.decorator_list if "invariant" in ast.unparse(mark)]
        cited.update(CITED.findall(" ".join([ast.get_docstring(test) or "", *marks])))
    return frozenset(cited)


RULES: tuple[Rule, ...] = (
    long_file,
    long_function,
    drawer_module,
    hollow_class,
    float_near_money,
    sleep,
    silent_test,
    unexplained_ignore,
)
