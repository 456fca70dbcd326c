"""Failpoints: nothing in a process that nobody tests, exactly there in one that is, and refused where they are none."""

import ast
import subprocess
import sys
from collections.abc import Mapping

import pytest

from cashback.kernel import failpoints
from cashback.kernel.config import SettingsInvalid, load
from cashback.kernel.failpoints import POINTS, Settings, reach, watching
from tests.architecture.tidy import ROOT

ARMED = {"CASHBACK_DEVELOPMENT": "true"}
# Arms as a process does at its start, then goes past two points three times and tells how far it came.
PROGRAM = """
from cashback.kernel import failpoints
from cashback.kernel.config import load
from cashback.kernel.telemetry import configure
configure(process="adapter")
failpoints.arm(load(failpoints.Settings), process="adapter")
for number in range(3):
    for point in ("slot.stored", "attempt.sent"):
        failpoints.reach(point)
        print(number, point, flush=True)
"""


def arm(environ: Mapping[str, str], *, process: str = "adapter") -> None:
    """Arm as a process with these variables does."""
    failpoints.arm(load(Settings, environ), process=process)


def test_a_point_without_a_trap_does_nothing() -> None:
    """A process that was told nothing has none armed, and says so by its metric."""
    arm({})
    reach("slot.stored")
    assert not failpoints.armed()
    assert failpoints.ARMED._value.get() == 0


@pytest.mark.parametrize(
    "traps,passed",
    [
        ("slot.stored=kill", []),
        ("attempt.sent=kill@2", ["0 slot.stored", "0 attempt.sent", "1 slot.stored"]),
        ("slot.stored=kill@9,slot.stored=kill@2", ["0 slot.stored", "0 attempt.sent"]),
    ],
)
def test_a_process_ends_where_and_when_it_was_told(traps: str, passed: list[str]) -> None:
    """By SIGKILL, before the point returns, at the occurrence that was named; each point counts for itself."""
    environ = {**ARMED, "CASHBACK_FAILPOINTS": traps}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (-9, passed)
    assert "failpoint.reached" in done.stderr


@pytest.mark.parametrize(
    "environ,process,problem",
    [
        ({"CASHBACK_FAILPOINTS": "slot.stored=kill"}, "adapter", "wants CASHBACK_DEVELOPMENT=true"),
        ({**ARMED, "CASHBACK_FAILPOINTS": "slot.sold=kill"}, "adapter", "adapter has no slot.sold; there are anchor."),
        ({**ARMED, "CASHBACK_FAILPOINTS": "slot.stored=kill"}, "relay", "relay has no slot.stored; there are batch."),
        (
            {**ARMED, "CASHBACK_FAILPOINTS": "slot.stored=kill"},
            "reconcile",
            "reconcile has no slot.stored; it has none",
        ),
        ({**ARMED, "CASHBACK_FAILPOINTS": "slot.stored"}, "adapter", "POINT=ACTION"),
        ({**ARMED, "CASHBACK_FAILPOINTS": "slot.stored=raise"}, "adapter", "POINT=ACTION"),
        ({**ARMED, "CASHBACK_FAILPOINTS": "slot.stored=kill@0"}, "adapter", "POINT=ACTION"),
    ],
)
def test_what_is_no_point_of_the_process_or_no_tests_is_refused(
    environ: Mapping[str, str], process: str, problem: str
) -> None:
    """The process does not start; it says what there is."""
    with pytest.raises(SettingsInvalid, match=problem):
        arm(environ, process=process)
    assert not failpoints.armed()


def test_a_watcher_is_told_every_point_while_it_watches() -> None:
    """And no longer."""
    seen: list[str] = []
    with watching(seen.append):
        reach("slot.stored")
        reach("attempt.sent")
    reach("slot.stored")
    assert seen == ["slot.stored", "attempt.sent"]


def test_every_point_is_reached_in_the_code_and_none_besides() -> None:
    """The list of points and the calls of `reach` are the same names; the types have seen to the rest."""
    assert places() == frozenset().union(*POINTS.values())


def test_nothing_that_is_deployed_arms_any() -> None:
    """Neither the composition nor what stands beside it knows these settings."""
    deployed = [ROOT / "compose.yaml", ROOT / "Dockerfile", *(ROOT / "deploy").rglob("*")]
    text = "".join(path.read_text() for path in deployed if path.is_file())
    assert "CASHBACK_CHAIN_DSN" in text
    assert "CASHBACK_FAILPOINTS" not in text
    assert "CASHBACK_DEVELOPMENT" not in text


def places() -> frozenset[str]:
    """Return the names of all points that the code goes past.

    They are those that `reach` is called with, that are told by `sent`, or that stand in `Points` for a lane's cargo.
    """
    found: set[str] = set()
    for path in (ROOT / "src/cashback").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            told = [one.value for one in node.keywords if one.arg == "sent" or name == "Points"]
            given = [*(node.args if name == "reach" else []), *told]
            inner = [part for one in given for part in ast.walk(one)]
            found |= {part.value for part in inner if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return frozenset(found)
