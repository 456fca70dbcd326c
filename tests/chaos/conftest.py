"""One running system for all fault tests, impatient enough to see its own repairs, and seeded chance.

test ──well──▶ the next one has what it left        test ──failed──▶ the next one has a system that is new
"""

import os
import random
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from cashback.processes import adapter
from tests.chaos.adapter_stage import Stage, staged
from tests.integration.chain.conftest import adapter_dsn, chain_dsn, node, ready_state, settings  # noqa: F401 - fixtures
from tests.support.stack import IMPATIENT, WholeSystem, whole_system

pytest.register_assert_rewrite("tests.chaos.verdict", "tests.chaos.adapter_verdict")

SEED_VARIABLE = "CASHBACK_CHAOS_SEED"
TIMEOUT_S = 300
"""A load is answered within 200 s, whatever was killed, and then it has to drain."""

_FAILED = pytest.StashKey[bool]()


class Systems:
    """The system that tests share: a new one after a test that failed, since nobody knows what that has left."""

    def __init__(self, folders: pytest.TempPathFactory, *, anvil: Path) -> None:
        """Start nothing yet."""
        self._folders = folders
        self._anvil = anvil
        self._running = ExitStack()
        self._system: WholeSystem | None = None

    def now(self) -> WholeSystem:
        """Return the system, with every process ready."""
        if self._system is None:
            folder = self._folders.mktemp("chaos")
            self._system = self._running.enter_context(whole_system(folder, self._anvil, changes=IMPATIENT))
        return self._system

    def end(self) -> None:
        """Stop the system, if one is running."""
        self._system = None
        self._running.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember of a test that it has failed."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the fault tests of the first tier longer than other tests; the tiers above bring timeouts of their own."""
    for item in items:
        is_ours = item.path.is_relative_to(Path(__file__).parent)
        if is_ours and not any(item.get_closest_marker(name) for name in ("deep", "soak", "timeout")):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="package")
def systems(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[Systems]:
    """Give what starts the system, and starts it anew."""
    systems = Systems(tmp_path_factory, anvil=anvil_program)
    yield systems
    systems.end()


@pytest.fixture
def stack(systems: Systems, request: pytest.FixtureRequest) -> Iterator[WholeSystem]:
    """Give the system, with every process ready; a test leaves it running and drained."""
    yield systems.now()
    if request.node.stash.get(_FAILED, False):
        systems.end()


@pytest.fixture
async def stage(settings: adapter.Settings, chain_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:  # noqa: F811 - a fixture
    """Give a chain with fresh contracts and an empty database, on which adapters end themselves."""
    async with staged(settings, chain_dsn, tmp_path) as stage:
        yield stage


@pytest.fixture
def numbers() -> Iterator[int]:
    """Give numbers that no mint of the test has yet."""
    return count(1)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give the moments of a test; a failure prints the seed, and CASHBACK_CHAOS_SEED repeats it."""
    seed = os.environ.get(SEED_VARIABLE) or str(random.SystemRandom().getrandbits(32))
    request.node.add_report_section("setup", "chance", f"{SEED_VARIABLE}={seed}")
    return random.Random(seed)  # noqa: S311 - moments need no secrecy, they need to be repeatable
