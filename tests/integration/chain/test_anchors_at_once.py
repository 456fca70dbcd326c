"""An anchor that is accepted while the follower takes another one out of the slot in which it failed (I9)."""

import asyncio
from typing import Final

import pytest

from cashback.chain.store import anchors
from cashback.processes import adapter
from tests.integration.chain.evidence import anchored, evidence, logs_of, reached
from tests.integration.chain.support import Bench, serving
from tests.integration.chain.test_anchors_astray import settled
from tests.integration.chain.waiting import eventually

_WAITS: Final = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


async def waits(bench: Bench) -> bool | None:
    """Tell whether the follower waits for whoever accepts, having come to a block in which the failure is final."""
    await bench.lever.mine()
    return True if await bench.rows(_WAITS) else None


@pytest.mark.invariant("I9")
async def test_an_anchor_that_failed_leaves_the_way_to_one_that_is_being_accepted(settings: adapter.Settings) -> None:
    """Which one is the newest is asked once nobody can accept another: two never wait, and the follower goes on."""
    accepted, may_commit = asyncio.Event(), asyncio.Event()
    async with serving(settings) as bench:
        await settled(bench)
        await bench.lever.automine(is_on=False)
        await bench.adapter.anchors.anchor(evidence(10))
        await reached(bench, 10, "submitted")
        await bench.sent()
        await bench.people.pause()

        async def accepts() -> None:
            """Accept a newer one as `Anchors.anchor` does, and commit when told."""
            async with bench.database.transaction() as tx:
                await anchors.lock(tx)
                assert await anchors.supersede_waiting(tx) is None
                assert await anchors.accept(tx, evidence(20))
                accepted.set()
                await may_commit.wait()

        accepting = asyncio.create_task(accepts())
        await accepted.wait()
        await eventually(lambda: waits(bench))
        may_commit.set()
        await accepting
        await reached(bench, 10, "superseded", mining=True)
        await bench.people.unpause()
        await reached(bench, 20, "final", mining=True)
        assert await anchored(bench) == logs_of(evidence(20))
