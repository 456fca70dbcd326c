"""Backtests over REST: one runs at a time, and few wait for their turn."""

import asyncio
from typing import Final

import psycopg
import pytest

from cashback.kernel.ids import new_id
from cashback.ledger.service import backtesting
from tests.contract.rest.document import assert_problem
from tests.contract.rest.test_exports import reading_wait
from tests.contract.rest.world import Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S: Final = 10.0


@pytest.mark.parametrize("bound", ["SEATS_OF_ONE", "SEATS_MAX"])
async def test_few_backtests_wait_for_their_turn_at_a_time(
    rest: Rest, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many, of a key or of all, is 503 with `Retry-After` at once; whoever is told makes room."""
    monkeypatch.setattr(backtesting, bound, 1)
    one, path = await rest.operator(), f"/v1/rulesets/{new_id('drf')}/backtests"
    other = one if bound == "SEATS_OF_ONE" else await rest.operator()
    async with await psycopg.AsyncConnection.connect(rest.world.dsns.superuser) as holder:
        await holder.execute("lock table ledger.ruleset_drafts in access exclusive mode")
        running = asyncio.create_task(one.post(path, {}))
        await reading_wait(rest.world, 1)
        async with asyncio.timeout(WITHIN_S):
            refused = await other.post(path, {})
        await holder.rollback()
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    for told in (await running, await other.post(path, {})):
        assert_problem(told, 404, "draft_unknown", parameter="ruleset_id")
