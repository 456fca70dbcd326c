"""The database's clock is set forward or back: to us, every instant in its tables lies elsewhere.

It is moved here by moving them by an hour. Processes take instants from the database alone, and measure what they wait
with a clock that nobody sets.
"""

from typing import Final

import pytest

from cashback.kernel import lease
from cashback.kernel.bus import Backoff, Bus, Retry, publish
from cashback.kernel.db import Database
from tests.integration.backbone.loops import Script, consumer, have_applied
from tests.integration.backbone.world import SCHEMA, applied, event, eventually, rows, running, to_message
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, recovers

PATIENTLY: Final = Retry(backoff=Backoff(base_s=1.0, cap_s=1.0))
HOURS: Final = ("1 hour", "-1 hour")
"""What lies an hour later than it did is what a clock that was set back leaves."""


async def acquired(database: Database, holder: str) -> int | None:
    """Return the token of a lease of three seconds, if `holder` has it."""
    async with database.transaction() as tx:
        return await lease.acquire(tx, schema=SCHEMA, name="one", holder=holder, ttl_s=3.0)


async def move(database: Database, column: str, table: str, by: str) -> None:
    """Have all instants of a column lie elsewhere; what is before or after all time stays there."""
    await rows(database, f"update {SCHEMA}.{table} set {column} = {column} + %s::interval where isfinite({column})", by)


@pytest.mark.parametrize("by", HOURS)
async def test_a_lease_of_a_clock_that_was_set_is_free_and_its_holder_is_fenced(shop: Database, by: str) -> None:
    """Its holder may be dead: whoever waited for the hour to pass would leave everything undone meanwhile."""
    token = await acquired(shop, "first")
    assert token is not None
    assert await acquired(shop, "second") is None
    await move(shop, "expires_at", "leases", by)
    assert await acquired(shop, "second") == token + 1
    async with shop.transaction() as tx:
        assert not await lease.is_held(tx, schema=SCHEMA, name="one", token=token)
    assert await acquired(shop, "first") is None


@pytest.mark.parametrize("by", HOURS)
async def test_a_holder_keeps_its_lease_when_the_clock_is_set_and_nobody_else_wants_it(shop: Database, by: str) -> None:
    """It has a lease of the usual length again, by the clock as it is."""
    assert await acquired(shop, "first") is not None
    await move(shop, "expires_at", "leases", by)
    assert await acquired(shop, "first") is not None
    assert await acquired(shop, "second") is None


@pytest.mark.invariant("I5")
@pytest.mark.parametrize("by", HOURS)
async def test_an_event_that_waits_to_be_tried_again_is_tried_within_ten_seconds_when_the_clock_is_set(
    shop: Database, bus: Bus, by: str
) -> None:
    """It comes again by the broker's clock, and what waits behind it goes on with it."""
    poison, behind = event("pur_poison"), event("pur_poison")
    script = Script({poison.id: [ValueError("not yet"), ValueError("not yet")]})
    script.runs_out(poison.id)
    async with running(consumer(shop, bus, handler=script, retry=PATIENTLY).run):
        await publish(bus, [to_message(poison), to_message(behind)])
        await eventually(lambda: has_failed(shop))
        await move(shop, "retry_at", "inbox_failures", by)
        await recovers(lambda: have_applied(shop, 2), within_s=RECOVERS_PROCESS_WITHIN_S, what="both are applied")
    assert sorted(await applied(shop)) == sorted((poison.id, behind.id))


async def has_failed(database: Database) -> bool:
    """Tell whether an event waits to be tried again."""
    return bool(await rows(database, f"select 1 from {SCHEMA}.inbox_failures"))
