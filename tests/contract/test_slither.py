"""The contracts as slither sees them: each finding is answered in writing, and a new one fails."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from cashback.kernel.config import environment
from tests.support.node import run_program

ROOT: Final = Path(__file__).resolve().parents[2]
ANSWERS: Final = ROOT / "contracts" / "SLITHER.md"
SLITHER_WITHIN_S: Final = 600
ANSWERABLE: Final = {"Low", "Informational", "Optimization"}
FLAWED: Final = """\
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

contract Flawed {
    function close(address payable heir) external {
        selfdestruct(heir);
    }
}
"""

Finding = tuple[str, str, str]


@pytest.fixture(scope="module")
def slither() -> Path:
    """Give the analyser, from its hash-pinned requirements in an environment of its own."""
    run_program(sys.executable, "-m", "requirements.tool", "slither", folder=ROOT, within_s=SLITHER_WITHIN_S)
    return ROOT / "build" / "slither" / "bin" / "slither"


def findings(slither: Path, workshop: Path, report: Path) -> set[Finding]:
    """Return detector, impact and words of each finding, without the lines it stands on: those move."""
    run_program(
        *(str(slither), ".", "--fail-none", "--json", str(report)),
        folder=workshop,
        within_s=SLITHER_WITHIN_S,
        FOUNDRY_SOLC=str(workshop / "solc.mjs"),
        PATH=os.pathsep.join([str(workshop / "node_modules" / ".bin"), environment()["PATH"]]),
    )
    told: dict[str, Any] = json.loads(report.read_bytes())
    assert told["success"], told["error"]
    return {
        (
            each["check"],
            each["impact"],
            " ".join(re.sub(r" \((?:src|node_modules)/[^)]*\)", "", each["description"]).split()),
        )
        for each in told["results"].get("detectors", [])
    }


def answered() -> dict[Finding, str]:
    """Return the written answers, by finding."""
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| `([^`]+)` \| (.+) \|$", ANSWERS.read_text(), re.MULTILINE)
    return {(check, impact, words): answer for check, impact, words, answer in rows}


def test_only_what_harms_nobody_is_answered_instead_of_fixed() -> None:
    """No row excuses a finding of high or medium impact, and none is without words."""
    answers = answered()
    assert answers
    assert {impact for _, impact, _ in answers} <= ANSWERABLE
    assert all(len(answer.split()) >= 4 for answer in answers.values())


def test_the_answers_name_the_version_that_is_pinned() -> None:
    """Another release has other detectors: its findings are looked at anew."""
    [pinned] = re.findall(
        r"^slither-analyzer==(\S+)", (ROOT / "requirements" / "slither.txt").read_text(), re.MULTILINE
    )
    assert f"slither {pinned} with all of its" in ANSWERS.read_text()


@pytest.mark.deep
def test_every_finding_of_slither_is_answered_and_every_answer_is_of_a_finding(
    slither: Path, workshop: Path, tmp_path: Path
) -> None:
    """What is new must be fixed or answered in contracts/SLITHER.md; what is gone must go there too."""
    found = findings(slither, workshop, tmp_path / "found.json")
    assert found - answered().keys() == set(), "neither fixed nor answered in contracts/SLITHER.md"
    assert answered().keys() - found == set(), "answered, but not found any more"


@pytest.mark.deep
def test_a_planted_flaw_is_found(slither: Path, workshop: Path, tmp_path: Path) -> None:
    """The analyser really reads what lies in src/: one more contract, and it is a finding without an answer."""
    planted = workshop / "src" / "Flawed.sol"
    planted.write_text(FLAWED)
    try:
        found = findings(slither, workshop, tmp_path / "planted.json")
    finally:
        planted.unlink()
    assert ("suicidal", "High", "Flawed.close(address) allows anyone to destruct the contract") in found
