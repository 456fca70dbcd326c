"""The compiled contracts that ship are those of the sources beside them, and the contracts' own tests are complete."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.node import npm_ci, run_node

ROOT: Final = Path(__file__).resolve().parents[2]
CONTRACTS: Final = ROOT / "contracts"
ARTIFACTS: Final = ROOT / "src" / "cashback" / "chain" / "artifacts"
REFERENCE: Final = ROOT / "tests" / "benchmarks" / "artifacts"
WALLET: Final = ROOT / "tests" / "support" / "artifacts"
INGREDIENTS: Final = ("package.json", "package-lock.json", ".npmrc", "settings.json", "build.mjs")
TREES: Final = sorted(CONTRACTS.rglob("test/**/*.tree"))
BUILD_WITHIN_S: Final = 100


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.timeout(2 * BUILD_WITHIN_S + 20)
def test_the_committed_artefacts_are_what_the_sources_compile_to(tmp_path: Path) -> None:
    """Built anew in an empty folder, from the locked compiler and library: the same files, byte for byte."""
    for name in INGREDIENTS:
        shutil.copyfile(CONTRACTS / name, tmp_path / name)
    for sources in ("src", "bench", "test"):
        shutil.copytree(CONTRACTS / sources, tmp_path / sources)
    npm_ci(tmp_path, "--omit=optional", within_s=BUILD_WITHIN_S)
    run_node("build.mjs", "built", "reference", "wallet", folder=tmp_path, within_s=BUILD_WITHIN_S)
    for committed, built, names in (
        (ARTIFACTS, tmp_path / "built", {"CashbackMinter.json", "CashbackToken.json"}),
        (REFERENCE, tmp_path / "reference", {"BareMint.json"}),
        (WALLET, tmp_path / "wallet", {"SmartWallet.json"}),
    ):
        ours, theirs = contents(committed), contents(built)
        assert ours.keys() == theirs.keys() == names
        differing = [name for name in names if ours[name] != theirs[name]]
        assert not differing, f"{differing} differ from their sources: run `nox -s contracts` and commit the result"


def test_an_artefact_names_no_machine() -> None:
    """Sources are named relative to the project or to their package."""
    for path in sorted(ARTIFACTS.glob("*.json")):
        sources = json.loads(path.read_bytes())["sources"]
        assert all(name.startswith(("src/", "@openzeppelin/contracts/")) for name in sources)


def test_the_lock_file_names_versions_and_hashes_but_no_address() -> None:
    """What is installed is decided by the lock, from where by the machine."""
    packages = json.loads((CONTRACTS / "package-lock.json").read_bytes())["packages"]
    locked = {name: entry for name, entry in packages.items() if name}
    assert locked["node_modules/solc"]["version"] == "0.8.37"
    assert locked["node_modules/@openzeppelin/contracts"]["version"] == "5.7.0"
    for name, entry in locked.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name


def test_the_contracts_are_tested_as_they_are_built() -> None:
    """The settings that forge tests with are those of the build, and those that the artefacts record."""
    built = json.loads((CONTRACTS / "settings.json").read_bytes())
    forge: dict[str, Any] = tomllib.loads((CONTRACTS / "foundry.toml").read_text())["profile"]["default"]
    assert built == {
        "evmVersion": forge["evm_version"],
        "optimizer": {"enabled": forge["optimizer"], "runs": forge["optimizer_runs"]},
        "viaIR": forge["via_ir"],
        "metadata": {"bytecodeHash": forge["bytecode_hash"], "useLiteralContent": forge["use_literal_content"]},
    }
    for path in sorted(ARTIFACTS.glob("*.json")):
        assert json.loads(path.read_bytes())["settings"] == built


@pytest.mark.parametrize("tree", TREES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_leaf_of_a_tree_is_one_solidity_test(tree: Path) -> None:
    """The given/when/it trees and the tests say the same sentences in the same order, each above one function."""
    leaves = re.findall(r"── (it .+)$", tree.read_text(), re.MULTILINE)
    tests = tree.with_suffix(".t.sol").read_text()
    assert leaves
    assert re.findall(r"/// (it .+)\n    function test", tests) == leaves
    assert len(re.findall(r"\n    function test", tests)) == len(leaves)


def test_every_function_of_the_sources_has_a_tree_of_its_own() -> None:
    """Each constructor and each function that a caller can reach is the heading of exactly one tree."""
    headings = [line for tree in TREES for line in tree.read_text().splitlines() if "::" in line]
    assert len(headings) == len(set(headings))
    for source in sorted((CONTRACTS / "src").glob("*.sol")):
        declared = re.findall(r"\n    (?:function )?(\w+)\([^{;]*\{", source.read_text())
        callable_ = [name for name in declared if not name.startswith("_")]
        assert "constructor" in callable_
        assert "mintBatch" in callable_
        missing = [name for name in callable_ if f"{source.stem}::{name}" not in headings]
        assert not missing, f"{source.name}: no tree of {missing}"
