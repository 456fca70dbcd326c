"""Which worker runs which tests: who shares a running system stays together, and long work is begun first.

    share       a folder whose tests share one running system, otherwise one file: never on two workers
    order       LONGEST_FIRST, then whatever has most tests; what is short comes last and fills the gaps

By files alone (`--dist loadfile`) a system is started again for every file that the other files come between, and
files with few tests come last, however long they take: one worker is at the last of them when the other has nothing
left. By tests (`worksteal`) both workers start every system, and what a file prepares once is prepared twice.
"""

from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

SYSTEMS: Final = ("tests/chaos/", "tests/e2e/", "tests/integration/cli/")
"""Folders with one running system for all tests that have none of their own."""

APART: Final = (
    "tests/chaos/test_adapter_zombies.py",
    "tests/chaos/test_clocks_of_all.py",
    "tests/chaos/test_cluster.py",
    "tests/chaos/test_database_full.py",
    "tests/chaos/test_failpoints.py",
    "tests/chaos/test_load.py",
    "tests/chaos/test_standby.py",
    "tests/e2e/test_holding.py",
    "tests/e2e/test_recovering.py",
    "tests/integration/cli/test_dead_letter_verbs.py",
    "tests/integration/cli/test_demo.py",
    "tests/integration/cli/test_dev_again.py",
    "tests/integration/cli/test_interrupted.py",
    "tests/integration/cli/test_interrupted_replay.py",
    "tests/integration/cli/test_replay_verb.py",
    "tests/integration/cli/test_setup.py",
    "tests/integration/cli/test_streams.py",
    "tests/integration/cli/test_taken_port.py",
    "tests/integration/cli/test_wrong_settings.py",
)
"""Files there that ask nothing of it, and would be a load on it: most start a system of their own."""

LONGEST_FIRST: Final = (
    "tests/chaos/",
    "tests/e2e/",
    "tests/integration/cli/",
    "tests/property/",
    "tests/simulation/",
    "tests/integration/",
    "tests/contract/",
    "tests/architecture/",
    "tests/unit/",
)


class Shares(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Hands out shares, the longest first; of two of a kind the one with more tests, as xdist has them in order."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Hand a worker the longest share left."""
        self.workqueue.move_to_end(min(self.workqueue, key=rank_of), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        """Return the share of a test."""
        return share_of(nodeid)


def rank_of(share: str) -> int:
    """Return how soon a share is begun, 0 first."""
    return next(rank for rank, folder in enumerate((*LONGEST_FIRST, "")) if share.startswith(folder))


def share_of(nodeid: str) -> str:
    """Return what a test is run together with: the folder of its system, or its file."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in SYSTEMS if file.startswith(folder) and file not in APART), file)
