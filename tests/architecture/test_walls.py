"""The walls of the package stand (import-linter's contracts in pyproject.toml), and each can fall.

Every rule is held against a copy of the package in which one file breaks it, and must turn red there.
"""

import os
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tidy import ROOT

LINTER = Path(sysconfig.get_path("scripts")) / "lint-imports"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
IDS = [contract["id"] for contract in CONTRACTS]

# Contract, the module that breaks it, and the line that does.
PLANTED = [
    ("layers", "kernel.errors", "import cashback.events"),
    ("layers", "ledger.service", "import cashback.purchases"),
    ("layers", "processes.relay", "import cashback.cli"),
    ("layers", "utils", "'''A module that no layer names.'''"),
    ("context-layers", "purchases.model", "import cashback.purchases.service"),
    ("context-layers", "ledger.rules", "import cashback.ledger.store"),
    ("context-layers", "minting.store", "import cashback.minting.gateway"),
    ("context-layers", "chain.service", "import cashback.chain.rpc"),
    ("context-layers", "ledger.helpers", "'''A module that no context has.'''"),
    ("context-layers", "webhooks.gateway", "import cashback.webhooks.service"),
    ("pure", "ledger.rules", "import asyncio"),
    ("pure", "webhooks.rules", "import psycopg"),
    ("pure", "chain.rules", "from web3 import AsyncWeb3"),
    ("pure", "minting.model", "from psycopg import sql"),
    ("pure", "ledger.rules", "from cashback.kernel.db import Tx"),
    ("services", "purchases.service", "import psycopg"),
    ("services", "minting.service", "from grpclib.client import Channel"),
    ("front-door", "purchases.service", "import cashback.ledger.store"),
    ("front-door", "cli.planted", "import cashback.ledger.service"),
    ("front-door-of-purchases", "purchases.http", "import cashback.ledger"),
    ("wire", "minting.service", "import cashback.wire"),
    ("wire", "processes.adapter", "import cashback.wire.message_pool"),
    ("independent", "minting.service", "import cashback.ledger"),
    ("independent", "chain.gateway", "import cashback.minting.model"),
    ("independent", "webhooks.service", "import cashback.ledger"),
    ("client", "client.sending", "import cashback.kernel.errors"),
    ("callers", "purchases.service", "import cashback.client"),
    ("callers", "kernel.errors", "import cashback.client.api.structs"),
    ("acyclic", "kernel.errors", "import cashback.kernel.planted"),
]


def lint(source: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Hold the package below `source` against the named contracts, or all of them."""
    chosen = [part for contract in contracts for part in ("--contract", contract)]
    return subprocess.run(
        [str(LINTER), "--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo", *chosen],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(package: Path, module: str, line: str) -> None:
    """Add `line` to a module of a copied package, wherever its text lives: file or package, there or not yet."""
    path = package.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as text:
        text.write(f"\n{line}\n")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the `cashback` package of a copy of the source, to break."""
    ignored = shutil.ignore_patterns("__pycache__", "*.json")
    package = Path(shutil.copytree(ROOT / "src" / "cashback", tmp_path / "cashback", ignore=ignored))
    # One half of a cycle, harmless alone: the other half is planted.
    plant(package, "kernel.planted", "import cashback.kernel.errors")
    return package


def test_every_wall_stands() -> None:
    """The package as it is keeps every contract."""
    result = lint(ROOT / "src")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_copy_stands_before_anything_is_planted(copy: Path) -> None:
    """What turns a copy red below is the plant, not the copying."""
    result = lint(copy.parent)
    assert f"Contracts: {len(IDS)} kept, 0 broken" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("contract,module,line", PLANTED)
def test_a_planted_import_turns_the_contract_red(copy: Path, contract: str, module: str, line: str) -> None:
    """One wrong line in one file is enough, and it is this contract that says so."""
    plant(copy, module, line)
    result = lint(copy.parent, contract)
    assert "Contracts: 0 kept, 1 broken" in result.stdout, result.stdout + result.stderr
    assert result.returncode != 0


def test_every_contract_has_a_planted_violation() -> None:
    """A wall nobody has seen fall is not trusted."""
    assert {contract for contract, _, _ in PLANTED} == set(IDS)


def test_the_layers_name_what_may_be_there_not_what_must(copy: Path) -> None:
    """A layer that does not exist yet, or no longer, breaks nothing."""
    for layer in ("cli", "processes", "purchases", "minting"):
        shutil.rmtree(copy / layer)
    result = lint(copy.parent, "layers")
    assert "Contracts: 1 kept, 0 broken" in result.stdout, result.stdout + result.stderr
