"""The story from its beginning to its end, over a fresh database, and what is written of it."""

import json
from pathlib import Path
from typing import Final

import msgspec

from cashback.kernel.clock import SystemClock
from cashback.processes.api.openapi import published_of
from cashback.processes.api.openapi.examples import Examples
from tests.contract.rest.examples import books, mistakes, problems, story, terms
from tests.contract.rest.examples.recorder import Recorder
from tests.contract.rest.examples.stage import Stage
from tests.contract.rest.examples.world import same_ids, settled
from tests.contract.rest.world import open_rest
from tests.integration.ledger.world import Dsns, open_world
from tests.support.adapter import HOST, FakeAdapter

FILE: Final = Path(__file__).parents[4] / "src" / "cashback" / "processes" / "api" / "examples.json"


def text_of(examples: Examples) -> str:
    """Return examples as they are written."""
    return json.dumps(msgspec.to_builtins(examples), indent=1, ensure_ascii=False) + "\n"


async def recorded(dsns: Dsns) -> Examples:
    """Return every example, the same each time."""
    began = SystemClock().now()
    async with FakeAdapter.serving() as adapter, open_world(dsns) as world:
        with same_ids():
            async with open_rest(world, adapter_address=f"{HOST}:{adapter.port}") as rest:
                told = Recorder(published_of(rest.app).document)
                stage = Stage(rest, world, told, await rest.operator(label="Back office"))
                for act in (*story.ACTS, *terms.ACTS, *books.ACTS, *problems.ACTS, *mistakes.ACTS):
                    await act(stage)
                assert told.missing() == [], "\n".join(told.missing())
                return settled(told.kept, Examples, began=began)
