"""The two workers of `make test`: a running system stays with one of them, and long work is begun first."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.architecture.tidy import ROOT
from tests.support.shares import APART, LONGEST_FIRST, SYSTEMS, Shares, share_of

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
    assert [path for path in APART if not path.startswith(SYSTEMS)] == []


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
