"""The contracts' own tests, run by forge: unit, fuzz and invariants, what they cover, and the committed gas figures."""

import json
import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.contract.forge_reports import branches, gas_changes, uncovered
from tests.support.node import run_program

CONTRACTS: Final = Path(__file__).resolve().parents[2] / "contracts"
FORGE_WITHIN_S: Final = 600
# Without `--ir-minimum` forge counts a `continue` as taken each time its condition is asked.
COVERAGE: Final = ("--ir-minimum", "--no-match-contract", "Gas|Invariants", "--no-match-coverage", "(test|bench)/")


def forge(workshop: Path, verb: str, *arguments: str, **settings: str) -> str:
    """Run forge as contracts/package.json does and return what it printed."""
    return run_program(
        str(workshop / "node_modules" / ".bin" / "forge"),
        verb,
        *arguments,
        folder=workshop,
        within_s=FORGE_WITHIN_S,
        FOUNDRY_SOLC=str(workshop / "solc.mjs"),
        **settings,
    )


def written_tests(*, of_gas: bool) -> int:
    """Return how many tests and invariants the sources have: those that measure gas, or all the others."""
    sources = [source.read_text() for source in (CONTRACTS / "test").rglob("*.t.sol")]
    wanted = [source for source in sources if bool(re.search(r"^contract \w*Gas", source, re.MULTILINE)) is of_gas]
    return sum(len(re.findall(r"\n    function (?:test|invariant)\w*\(", source)) for source in wanted)


def gas_figures(folder: Path) -> dict[str, str]:
    """Return every figure of the snapshots in a folder of contracts, by its contract and name."""
    return {
        f"{snapshot.stem} {name}": gas
        for snapshot in sorted((folder / "snapshots").glob("*.json"))
        for name, gas in json.loads(snapshot.read_bytes()).items()
    }


@pytest.mark.deep
def test_every_solidity_test_passes(workshop: Path) -> None:
    """As many as the sources have functions of tests and invariants, none of them skipped."""
    written = written_tests(of_gas=False)
    told = forge(workshop, "test", "--no-match-contract", "Gas")
    assert f"{written} tests passed, 0 failed, 0 skipped ({written} total tests)" in told


@pytest.mark.deep
def test_every_branch_of_the_sources_is_tested_both_ways(workshop: Path) -> None:
    """By the leaves of the trees alone: what only a random sequence happens to reach is not specified."""
    report = workshop / "lcov.info"
    forge(workshop, "coverage", *COVERAGE, "--report", "lcov", "--report-file", str(report))
    lcov = report.read_text()
    written = {
        f"src/{source.name}": len(re.findall(r"^ +if \(", source.read_text(), re.MULTILINE))
        for source in (CONTRACTS / "src").glob("*.sol")
    }
    assert branches(lcov) == written
    assert uncovered(lcov) == []


@pytest.mark.deep
def test_no_mint_became_dearer(workshop: Path) -> None:
    """Forge measures the batches anew; a figure that is not the committed one is named, with what to do about it."""
    shutil.rmtree(workshop / "snapshots")  # so that what stands there afterwards was measured
    told = forge(workshop, "test", "--isolate", "--match-contract", "Gas")
    assert f"{written_tests(of_gas=True)} tests passed, 0 failed, 0 skipped" in told
    assert gas_changes(committed=gas_figures(CONTRACTS), measured=gas_figures(workshop)) == []
