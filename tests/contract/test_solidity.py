"""The contracts' own tests, run by forge: unit, fuzz, invariants C1 to C7, and the committed gas figures."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.support.node import npm_ci, run_program

CONTRACTS: Final = Path(__file__).resolve().parents[2] / "contracts"
MADE_BY_TOOLS: Final = shutil.ignore_patterns("node_modules", "out", "cache")
FORGE_WITHIN_S: Final = 600


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the contracts to a folder of their own, with the locked compiler, library and forge installed."""
    folder = tmp_path_factory.mktemp("contracts") / "contracts"
    shutil.copytree(CONTRACTS, folder, ignore=MADE_BY_TOOLS)
    npm_ci(folder, within_s=FORGE_WITHIN_S)
    return folder


def forge(workshop: Path, *arguments: str, **settings: str) -> str:
    """Run `forge test` as contracts/package.json does and return what it printed."""
    return run_program(
        str(workshop / "node_modules" / ".bin" / "forge"),
        "test",
        *arguments,
        folder=workshop,
        within_s=FORGE_WITHIN_S,
        FOUNDRY_SOLC=str(workshop / "solc.mjs"),
        **settings,
    )


@pytest.mark.deep
def test_every_solidity_test_passes(workshop: Path) -> None:
    """As many as the sources have functions of tests and invariants, none of them skipped."""
    written = sum(
        len(re.findall(r"\n    function (?:test|invariant)\w*\(", source.read_text()))
        for source in (CONTRACTS / "test").rglob("*.t.sol")
        if source.name != "Gas.t.sol"
    )
    told = forge(workshop, "--no-match-contract", "Gas")
    assert f"{written} tests passed, 0 failed, 0 skipped ({written} total tests)" in told


@pytest.mark.deep
def test_no_mint_became_dearer(workshop: Path) -> None:
    """Forge measures the batches anew and finds the figures of the committed snapshot, each to the unit."""
    told = forge(workshop, "--isolate", "--match-contract", "Gas", FORGE_SNAPSHOT_CHECK="true")
    assert "6 tests passed, 0 failed, 0 skipped" in told
