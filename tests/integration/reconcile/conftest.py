"""A story that is told once by each worker, and a copy of it for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.reconcile.story import HISTORY_BLOCKS, Scene, Story, retold, tell
from tests.support.servers import shared_postgres


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[Story]:
    """Give a history on servers of its own: its roles have the passwords of one plan."""
    folder = tmp_path_factory.mktemp("reconcile")
    node = EmbeddedAnvil(folder / "anvil", program=anvil_program, block_time_s=None, history_blocks=HISTORY_BLOCKS)
    with shared_postgres(folder / "postgres") as server, node:
        yield asyncio.run(tell(server, node))


@pytest.fixture
async def scene(story: Story) -> AsyncIterator[Scene]:
    """Give this test's own copy."""
    async with retold(story) as scene:
        yield scene
