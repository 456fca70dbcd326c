"""Every process of ours and PostgreSQL are set an hour ahead and an hour back at the same time, under load.

Broker and chain keep the machine's time: seen from them all others jump, and seen from the others both of them do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from cashback.processes.stack import PROCESSES
from tests.chaos.test_webhooks import SERVICE, assert_each_was_heard_of, hearing
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.integration.webhooks.world import Shop as Receiver
from tests.integration.webhooks.world import open_shop
from tests.support.facts import eventually
from tests.support.load import Customer, Load, Shop
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovered
from tests.support.set_clock import SetClock, TrueAnvil
from tests.support.stack import IMPATIENT, WholeSystem

HOUR: Final = timedelta(hours=1)
SEEN_WITHIN_S: Final = 30.0

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]


class EarlierShop(Shop):
    """A shop whose purchases were made hours ago: to a clock that was set back they are not of the future."""

    def purchase(self, customer: Customer, *, amount_minor: int = 10_000) -> dict[str, Any]:
        """Return the body of a purchase of `customer`."""
        made = datetime.now(UTC) - 3 * HOUR
        return super().purchase(customer, amount_minor=amount_minor) | {"occurred_at": made.isoformat()}


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    """Give the clock of all of them."""
    return SetClock(tmp_path / "time")


@pytest.fixture
def system(
    tmp_path: Path, anvil_program: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WholeSystem]:
    """Give a system under that clock."""
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    system = WholeSystem(tmp_path / "system", anvil=anvil_program, changes=IMPATIENT)
    system.anvil = TrueAnvil(tmp_path / "system" / "anvil", program=anvil_program, block_time_s=1)
    with system:
        yield system


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Give a server of the merchant's."""
    async with open_shop() as server:
        yield server


@pytest.mark.invariant("I4", "I5")
async def test_webhooks_that_are_due_as_all_clocks_are_set_are_delivered(
    system: WholeSystem, clock: SetClock, receiver: Receiver
) -> None:
    """What their worker gave back, or had not tried yet, is due by the clock of before: nobody waits for that."""
    receiver.slow("/hooks")
    async with hearing(system, receiver, kind=EarlierShop) as heard:
        for ahead in (HOUR, 0 * HOUR):
            receiver.opens.clear()
            await heard.load.goes_on(60)
            await asyncio.to_thread(system.processes[SERVICE].stop)
            clock.set(int(ahead.total_seconds()))
            await seen(system, heard.load, ahead)
            receiver.opens.set()
            await asyncio.to_thread(system.processes[SERVICE].start)
            await heard.load.goes_on(30)
    await assert_nothing_lost_or_doubled(system, heard.load)
    await assert_each_was_heard_of(system, heard)


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I5", "I6", "I7")
async def test_all_clocks_set_at_the_same_time_under_load_lose_and_double_nothing(
    system: WholeSystem, clock: SetClock
) -> None:
    """An hour ahead, and an hour back again: leases, retries, deadlines and days are all elsewhere at once."""
    async with EarlierShop.open(system) as shop:
        load = Load(shop, [await shop.customer() for _ in range(8)], per_second=30)
        async with load.running():
            await load.goes_on(30)
            for ahead in (HOUR, 0 * HOUR):
                # What is requested meanwhile is claimed, given back and due again, all by the clock of before.
                await asyncio.to_thread(system.processes["adapter"].pause)
                await load.goes_on(60)
                clock.set(int(ahead.total_seconds()))
                await seen(system, load, ahead)
                what = f"all clocks set to {ahead} ahead"
                async with recovered(system, load, within_s=RECOVERS_SERVER_WITHIN_S, what=what):
                    system.processes["adapter"].resume()
                await load.goes_on(60)
            assert all(system.processes[name].is_running for name in PROCESSES)
    await assert_nothing_lost_or_doubled(system, load)


async def seen(system: WholeSystem, load: Load, ahead: timedelta) -> None:
    """Return once the database and the API have that time, and tell it."""

    async def look() -> bool | None:
        """Ask what time it is, and when the last purchase was received."""
        [(now,)] = await asyncio.to_thread(system.rows, "cashback", "select clock_timestamp()")
        received = datetime.fromisoformat(list(load.answers.values())[-1]["received_at"])
        away = (abs(instant - datetime.now(UTC) - ahead) for instant in (now, received))
        return True if all(one < HOUR / 2 for one in away) else None

    await eventually(look, within_s=SEEN_WITHIN_S, what=f"clocks are {ahead} ahead")
