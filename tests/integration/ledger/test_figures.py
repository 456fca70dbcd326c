"""What a worker-ledger shows of mints and books: what the tables say, whoever brought it about."""

import math
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cashback.kernel.db import Database
from cashback.ledger.service import Recomputer
from cashback.ledger.service.figures import ALL, gauges
from cashback.processes.embedded import free_port
from tests.integration.ledger.sealing import minted
from tests.integration.ledger.test_supply import tell, turn
from tests.integration.ledger.world import World, buy, failed_outcome, minted_outcome, open_world

NAMES = ("mint_oldest_seconds", "stuck_mints", "supply_unexplained", "supply_booked_block", "recomputed_differences")


@pytest.fixture(autouse=True)
def _restarted() -> None:
    """Have the gauges show what a process does that has just begun."""
    for gauge in ALL:
        gauge.set(0)


async def shown(world: World) -> list[float | None]:
    """Return what a worker shows that has just looked."""
    await gauges(world.worker, clock=world.clock).look()
    return [REGISTRY.get_sample_value(f"cashback_ledger_{name}") for name in NAMES]


@pytest.mark.invariant("I4")
async def test_the_oldest_mint_without_an_outcome_is_shown_by_its_age_and_those_that_are_stuck_by_their_number(
    world: World,
) -> None:
    """Nothing hangs unseen (I4): neither what nobody answers for, nor what waits for a person."""
    await world.programme()
    merchant = await world.merchant()
    assert await shown(world) == [0, 0, 0, 0, 0]
    first, second = await world.record(*[buy(await world.user(), merchant) for _ in range(2)])
    await world.request(first.cashback.id)
    world.clock.advance(timedelta(hours=1))
    await world.request(second.cashback.id)
    world.clock.advance(timedelta(seconds=5))
    assert (await shown(world))[:2] == [3_605, 0]
    await world.settle(await minted_outcome(world, first.cashback.id))
    assert (await shown(world))[:2] == [5, 0]
    await world.settle(await failed_outcome(world, second.cashback.id))
    async with open_world(world.dsns) as other:
        assert (await shown(other))[:2] == [0, 1]


async def test_a_worker_that_has_just_begun_shows_what_was_booked_and_computed_before_it(world: World) -> None:
    """A page does not resolve itself by a restart, and does not go on once somebody else has found the books mended."""
    await minted(world)
    await tell(world, at=100, figures=(0, 0, 1_500_007))
    await turn(world)
    await world.rows(
        "set session_replication_role = replica; update ledger.accounts set balance = balance + 1 where kind = 'budget'"
    )
    await Recomputer(world.worker, clock=world.clock, by="alice").recompute()
    assert (await shown(world))[2:] == [1_500_007, 100, 1]
    await tell(world, at=101, figures=(1_500_000, 0, 1_500_000))
    async with open_world(world.dsns) as other:
        await turn(other)
        await world.rows("update ledger.accounts set balance = balance - 1 where kind = 'budget'")
        await Recomputer(other.worker, clock=other.clock, by="bob").recompute()
    assert (await shown(world))[2:] == [0, 101, 0]


async def test_without_its_database_a_worker_shows_that_it_does_not_know(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than what was so before; its log says so once."""
    monkeypatch.setattr("cashback.kernel.db.POOL_WAIT_S", 0.1)
    async with Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", name="lost") as lost:
        loop = gauges(lost, clock=world.clock)
        with capture_logs() as logs:
            await loop.look()
            await loop.look()
    assert all(math.isnan(REGISTRY.get_sample_value(f"cashback_ledger_{name}") or 0.0) for name in NAMES)
    assert [line["event"] for line in logs] == ["gauges.unknown"]
    assert not any(math.isnan(value or 0.0) for value in await shown(world))
