"""One running system for all end-to-end tests; each test has a shop and customers of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.chain import ChainReader
from tests.support.load import Shop
from tests.support.stack import WholeSystem, whole_system


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[WholeSystem]:
    """Give the system, with every process ready; blocks of one second."""
    with whole_system(tmp_path_factory.mktemp("e2e"), anvil_program) as system:
        yield system


@pytest.fixture
async def shop(stack: WholeSystem) -> AsyncIterator[Shop]:
    """Give a merchant of this test's own."""
    async with Shop.open(stack) as shop:
        yield shop


@pytest.fixture
async def chain(stack: WholeSystem) -> AsyncIterator[ChainReader]:
    """Give the chain, past the adapter."""
    async with stack.chain() as reader:
        yield reader
