"""The real servers, started once a session when the first test asks for them, and fresh databases for each test."""

import gc
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from cashback.kernel.config import environment
from cashback.processes.embedded import EmbeddedAnvil, EmbeddedNats, EmbeddedPostgres, find_anvil
from tests.support.remains import logs_since
from tests.support.servers import Databases, shared_postgres
from tests.support.shares import Shares

# How fast something is says a benchmark, never a test: on a loaded machine any example may take its time.
settings.register_profile("cashback", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("cashback")

FAILED: Final = pytest.StashKey[bool]()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares | None:
    """Have two workers share the tests in our way where whole files are shared; other ways stay xdist's."""
    return Shares(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search what tests are made of for garbage neither while they are collected nor ever after: all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember of each test whether it failed, for what is told of its processes then."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def remains(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tell what the processes of a failed test logged: their files are gone when somebody asks."""
    began = time.time()
    yield
    if request.node.stash.get(FAILED, False):
        sys.stdout.write(logs_since(began, tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a test's command line made of the logs, so that no test depends on who ran before."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL that survives its own death, though not the machine's."""
    with shared_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    """Give a NATS with JetStream; streams are shared, so a test names its own."""
    with EmbeddedNats(tmp_path_factory.mktemp("nats"), durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def anvil_program() -> Path:
    """Give the anvil of this machine; the first run on a fresh one fetches it."""
    return find_anvil(environment())


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[EmbeddedAnvil]:
    """Give a chain that mines each transaction at once; it is shared, so a test deploys its own contracts."""
    with EmbeddedAnvil(tmp_path_factory.mktemp("anvil"), program=anvil_program, block_time_s=None) as chain:
        yield chain


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Iterator[Databases]:
    """Give the maker of databases on the session's PostgreSQL."""
    made = Databases(postgres)
    yield made
    made.close()


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """Give the superuser's DSN of an empty database that nobody else uses."""
    with databases.fresh() as dsn:
        yield dsn
