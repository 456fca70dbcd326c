"""What a batch of purchases costs the database, however many there are in it."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.clock import ManualClock
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.purchases import Purchases
from cashback.purchases.model import NewPurchase, Recorded
from tests.integration.ledger.world import START, World, buy, new_key

PLANNED_AT_FIRST = 5
"""So often the server makes a plan for the values of one execution before it asks whether one for all is as good."""

ROUND_TRIPS = 11
"""The transaction's two; who and what is there; keys; purchases; three of the ledger; answers; two outboxes."""


class Recorder:
    """Records batches over the one connection of its database."""

    def __init__(self, database: Database, purchases: NewPurchase) -> None:
        """Record purchases like this one."""
        self.database = database
        self._purchases = Purchases(database, clock=ManualClock(START))
        self._like = purchases

    async def record(self, many: int) -> None:
        """Record so many in one batch, each under a name of its own."""
        batch = [msgspec.structs.replace(self._like, key=new_key(), reference=new_id("ref")) for _ in range(many)]
        assert all(isinstance(outcome, Recorded) for outcome in await self._purchases.record(batch))

    async def close(self) -> None:
        """End."""
        await self._purchases.close()


@pytest.fixture
async def recorder(world: World) -> AsyncIterator[Recorder]:
    """Give one that has recorded so often that everything is prepared and planned."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    async with Database.open(world.dsns.of("cashback_api"), name="recorder", connections_max=1) as database:
        found = Recorder(database, purchase)
        for _ in range(2 * PLANNED_AT_FIRST + 2):
            await found.record(2)
        yield found
        await found.close()


async def test_no_statement_of_a_batch_is_planned_anew_for_each(recorder: Recorder) -> None:
    """Planning what programmes are in force took longer than asking for them."""
    async with recorder.database.transaction() as tx:
        cursor = await tx.execute("select statement, generic_plans, custom_plans from pg_prepared_statements")
        prepared = await cursor.fetchall()
    assert len(prepared) > PLANNED_AT_FIRST
    assert [statement for statement, general, own in prepared if general == 0 or own > PLANNED_AT_FIRST] == []


@pytest.mark.parametrize("many", [1, 20])
async def test_a_batch_takes_as_many_round_trips_however_large(recorder: Recorder, many: int) -> None:
    """Each is a fifth of a millisecond of the process, and everybody waits for it."""
    before = round_trips()
    await recorder.record(many)
    assert round_trips() - before == ROUND_TRIPS


def round_trips() -> float:
    """Return how many the databases of this process answered."""
    labels = {"db_system_name": "postgresql", "error_type": ""}
    return REGISTRY.get_sample_value("db_client_operation_duration_seconds_count", labels) or 0.0
