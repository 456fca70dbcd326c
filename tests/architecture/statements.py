"""The SQL of the package, statement by statement, and what each reads beside the rows that it waits for.

PostgreSQL shows a statement the rows as they were when it began. One that then waits for a row, or for an advisory
lock, sees that row as whoever had it has left it, and every other one as before the wait: those that it joins, that a
sub-select asks, or that another part of it reads.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from tests.architecture.tidy import ROOT

PACKAGE: Final = ROOT / "src/cashback"
_SCHEMA: Final = r"(?:ledger|purchases|webhooks|minting|chain|\{schema\})\."
_TABLE: Final = rf"{_SCHEMA}(?:\{{[a-z_.]+\}}|[a-z_]+\b)"
"""One table by its name, or by that of what only a call knows, in braces."""
_READ: Final = re.compile(rf"\b(?:from|join|using|update)\s+(?:only\s+)?({_TABLE})(?!\()")
_LOCKED: Final = re.compile(rf"\bfor (?:no key )?update\b|\bfor (?:key )?share\b|\b(?:update|delete from) {_SCHEMA}")
_WAITED: Final = re.compile(r"\bpg_advisory_(?:xact_)?lock|\bon conflict\b")


@cache
def statements() -> dict[str, str]:
    """Return what every function of the package executes, by `file:function`, with the constants in it written out."""
    paths = sorted(path for path in PACKAGE.rglob("*.py") if "wire" not in path.parts)
    trees = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in paths}
    constants = {name: value for tree in trees.values() for name, value in _constants(tree)}
    return {
        f"{path}:{node.name}": executed
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        and (executed := " ; ".join(_executed(node, constants)))
    }


def beside(sql: str) -> list[str]:
    """Return the tables that a statement reads beside the first one, if it may wait for somebody; else none.

    What is named twice is read twice. What an `insert` fills is not read, so of one with `on conflict`, as of a
    statement that takes an advisory lock, every table is beside.
    """
    read = _READ.findall(sql)
    if _LOCKED.search(sql):
        return read[1:]
    return read if _WAITED.search(sql) else []


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the strings that a module names."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant | ast.JoinedStr):
            yield ast.unparse(node.target), node.value


def _executed(function: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Yield what a function executes, each statement in one line."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "execute":
            yield " ".join(_written(node.args[0], constants).split())


def _written(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    """Return an expression as it is executed: constants written out, what only a call knows by its name in braces."""
    match node:
        case ast.Constant(value=str(value)):
            written = value
        case ast.Name(id=name) if name in constants:
            written = _written(constants[name], constants)
        case ast.JoinedStr(values=parts):
            written = "".join(_written(part, constants) for part in parts)
        case ast.FormattedValue(value=value):
            written = _written(value, constants)
        case ast.BinOp(left=left, right=right):
            written = _written(left, constants) + _written(right, constants)
        case ast.Call(func=ast.Attribute(value=value)):
            written = _written(value, constants)
        case _:
            written = f"{{{ast.unparse(node).rpartition('.')[2].lstrip('_')}}}"
    return written
