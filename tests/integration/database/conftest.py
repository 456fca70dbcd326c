"""A server of its own, provided and migrated as `cashback migrate` does it, for what is asked of the real roles."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from cashback.processes.embedded import EmbeddedPostgres
from tests.integration.database import rights
from tests.integration.database.attempts import Attempt
from tests.support.servers import shared_postgres


@pytest.fixture(scope="package")
def provided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL with the databases of all services and their roles, whose password is `rights.PASSWORD`."""
    with shared_postgres(tmp_path_factory.mktemp("provided")) as server:
        yield server


@pytest.fixture(scope="package")
def tries(provided: EmbeddedPostgres) -> Mapping[str, Sequence[Attempt]]:
    """Give all that can be tried in each database of that server, which is migrated by then."""
    return rights.prepare(provided)
