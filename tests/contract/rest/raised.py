"""The members that failures are made with, read in the sources of whatever answers over REST."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import cashback
from cashback.processes.api.problems import known_problems
from tests.contract.rest.document import MEMBERS

SOURCE: Final = Path(cashback.__file__).parent
EDGES: Final = ("kernel", "ledger", "purchases", "webhooks")
"""Where what the API answers with is raised."""


@cache
def trees() -> dict[str, ast.Module]:
    """Return the modules of the contexts and of the kernel, by their paths."""
    paths = [path for edge in EDGES for path in (SOURCE / edge).rglob("*.py")]
    return {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in paths}


def codes_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each class that has a code, with it."""
    for kind in (one for one in tree.body if isinstance(one, ast.ClassDef)):
        for one in kind.body:
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "code":
                yield kind.name, ast.literal_eval(one.value)


def unnamed(tree: ast.Module, codes: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield each code that is made in a module with a member that problems.toml does not name, and that member.

    Members that are passed on as `**members` are followed to where they are written; where that cannot be, the member
    that is yielded is `**`.
    """
    for function, call in calls_in(tree):
        name = called(call)
        for code in codes.get(name, set()) & known_problems().keys():
            named = MEMBERS | known_problems()[code].members.keys()
            for keyword in call.keywords:
                told = {keyword.arg} if keyword.arg else members_of(keyword.value, function, tree)
                yield from ((code, member) for member in sorted(told - named))


def calls_in(tree: ast.AST, function: ast.AST | None = None) -> Iterator[tuple[ast.AST | None, ast.Call]]:
    """Yield each call with arguments by name, and the innermost function that it stands in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and node.keywords:
            yield function, node
        yield from calls_in(node, node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function)


def called(call: ast.Call) -> str:
    """Return the name of what is called."""
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def members_of(passed: ast.expr, function: ast.AST | None, tree: ast.Module) -> set[str]:
    """Return the names that an expression gives as `**members` may have; `**` among them where that cannot be told."""
    match passed:
        case ast.Dict():
            pairs = zip(passed.keys, passed.values, strict=True)
            parts = (members_of(value, function, tree) if key is None else {_text(key)} for key, value in pairs)
            return {name for part in parts for name in part}
        case ast.IfExp():
            return members_of(passed.body, function, tree) | members_of(passed.orelse, function, tree)
        case ast.Name() if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            if function.args.kwarg is not None and function.args.kwarg.arg == passed.id:
                return _members_by_callers(function.name)
            written = [value for value, name in _assigned(function) if name == passed.id]
            return {name for value in written for name in members_of(value, function, tree)} if written else {"**"}
        case ast.Call():
            made = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == called(passed)]
            answers = [(node.value, one) for one in made for node in ast.walk(one) if isinstance(node, ast.Return)]
            found = {name for value, one in answers if value for name in members_of(value, one, tree)}
            return found if answers else {"**"}
        case _:
            return {"**"}


def _text(key: ast.expr) -> str:
    """Return a key that stands there as it is."""
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else "**"


def _assigned(function: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield each value that a function gives a name, and the name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            yield from ((node.value, one.id) for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            yield node.value, node.target.id


@cache
def _members_by_callers(name: str) -> set[str]:
    """Return the members that a function of that name is called with anywhere, beside its own parameters."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    own = {
        one.arg
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.name == name
        for one in (*node.args.args, *node.args.kwonlyargs)
    }
    given = {
        member
        for tree in trees().values()
        for function, call in calls_in(tree)
        if called(call) == name
        for one in call.keywords
        for member in ([one.arg] if one.arg else members_of(one.value, function, tree))
    }
    return given - own


@cache
def all_codes() -> dict[str, set[str]]:
    """Return the codes of all failures, by the names of their classes."""
    found: dict[str, set[str]] = {}
    for tree in trees().values():
        for name, code in codes_of(tree):
            found.setdefault(name, set()).add(code)
    return found
