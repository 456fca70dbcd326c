"""What the contracts' own tests and their analyser need: a copy of contracts/ with its locked tools installed."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.support.node import npm_ci

CONTRACTS: Final = Path(__file__).resolve().parents[2] / "contracts"
MADE_BY_TOOLS: Final = shutil.ignore_patterns("node_modules", "out", "cache")
INSTALLED_WITHIN_S: Final = 600


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the contracts to a folder of their own, with the locked compiler, library and forge installed."""
    folder = tmp_path_factory.mktemp("contracts") / "contracts"
    shutil.copytree(CONTRACTS, folder, ignore=MADE_BY_TOOLS)
    npm_ci(folder, within_s=INSTALLED_WITHIN_S)
    return folder
