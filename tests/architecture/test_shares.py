"""The two workers of `make test`: a running system stays with one of them, and long work is begun first."""

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from tests.architecture.tidy import ROOT
from tests.support.shares import APART, LONGEST_FIRST, SYSTEMS, Shares, share_of

ROOTS = frozenset({"dev", "stack"})
LEADING_THERE = ROOTS | {"ask", "chain", "customer_id", "minted", "shop"}
TESTS = (
    "tests/unit/test_a.py::test_1",
    "tests/unit/test_a.py::test_2",
    "tests/unit/test_b.py::test_1",
    "tests/e2e/test_flow.py::test_1",
    "tests/unit/test_b.py::test_2",
    "tests/unit/test_b.py::test_3",
    "tests/e2e/test_holding.py::test_1",
    "tests/e2e/test_recovering.py::test_1",
)


class Node:
    """A worker that notes what it is given, and does nothing."""

    shutting_down = False

    def __init__(self) -> None:
        """Be given nothing yet."""
        self.given: list[str] = []

    def send_runtest_some(self, places: list[int]) -> None:
        """Note tests by their places in what was collected."""
        self.given += [TESTS[place] for place in places]

    def shutdown(self) -> None:
        """Be told that there is nothing more."""
        self.shutting_down = True


def test_what_the_shares_name_is_there() -> None:
    """A file that was renamed would be run by the wrong rule, and nobody would notice."""
    assert [path for path in (*SYSTEMS, *APART, *LONGEST_FIRST) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", SYSTEMS)
def test_a_file_is_apart_if_nothing_in_it_asks_for_the_running_system(folder: str) -> None:
    """Found by the names of fixtures; a file that makes its own fixture of that name asks for none of the folder's."""
    files = [path for path in (ROOT / folder).glob("test_*.py") if not asks_for_the_system(path.read_text())]
    assert sorted(path.relative_to(ROOT).as_posix() for path in files) == sorted(
        path for path in APART if path.startswith(folder)
    )


def asks_for_the_system(text: str) -> bool:
    """Tell whether anything in a file asks for a fixture that leads to the running system of its folder."""
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    asked = {argument.arg for one in functions if is_called_by_the_runner(one) for argument in one.args.args}
    return not asked.isdisjoint(LEADING_THERE) and asked.isdisjoint(one.name for one in functions if one.name in ROOTS)


def is_called_by_the_runner(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell a test or a fixture from a function that they call, whose arguments are nobody's fixtures."""
    return function.name.startswith("test_") or any("fixture" in ast.unparse(one) for one in function.decorator_list)


@pytest.mark.parametrize(
    "nodeid, share",
    [
        ("tests/e2e/test_flow.py::test_it[x::y]", "tests/e2e/"),
        ("tests/e2e/test_recovering.py::test_it", "tests/e2e/test_recovering.py"),
        ("tests/unit/test_budget.py::test_it", "tests/unit/test_budget.py"),
    ],
)
def test_tests_of_one_running_system_stay_together_and_others_by_file(nodeid: str, share: str) -> None:
    """Nothing starts a system twice, and nothing waits for one that it does not need."""
    assert share_of(nodeid) == share


def test_a_worker_is_given_the_longest_share_left_whole() -> None:
    """The system's folder, then what is long though it has one test; of two of a kind the one with more tests."""
    config: Any = SimpleNamespace(getvalue={"tx": ["popen"]}.get, option=SimpleNamespace(loadscopereorder=True))
    node: Any = Node()
    shares = Shares(config, None)
    shares.add_node(node)
    shares.add_node_collection(node, TESTS)
    shares.schedule()
    while not node.shutting_down:
        shares.mark_test_complete(node, TESTS.index(node.given[_done(shares, node)]))
    assert node.given == [TESTS[place] for place in (3, 6, 7, 2, 4, 5, 0, 1)]


def _done(shares: Shares, node: Node) -> int:
    """Return how many tests a worker has done."""
    return sum(sum(tests.values()) for tests in shares.assigned_work[node].values())
