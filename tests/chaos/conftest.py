"""One running system for all fault tests, impatient enough to see its own repairs, and seeded chance."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import IMPATIENT, WholeSystem, whole_system

pytest.register_assert_rewrite("tests.chaos.verdict")

SEED_VARIABLE = "CASHBACK_CHAOS_SEED"


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[WholeSystem]:
    """Give the system, with every process ready; a test leaves it running and drained."""
    with whole_system(tmp_path_factory.mktemp("chaos"), anvil_program, changes=IMPATIENT) as system:
        yield system


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give the moments of a test; a failure prints the seed, and CASHBACK_CHAOS_SEED repeats it."""
    seed = os.environ.get(SEED_VARIABLE) or str(random.SystemRandom().getrandbits(32))
    request.node.add_report_section("setup", "chance", f"{SEED_VARIABLE}={seed}")
    return random.Random(seed)  # noqa: S311 - moments need no secrecy, they need to be repeatable
