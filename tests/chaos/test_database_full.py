"""PostgreSQL's disk is full: nobody is told 500, nothing is given up, and once there is room again nothing is missing.

data cannot grow      what writes is refused, what reads is answered, and the server stays
at a checkpoint       the server cannot note how far it is, ends, and comes up again only where there is room
"""

import asyncio
import random
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.bus.durable import backlog
from cashback.kernel.bus.streams import EVENTS
from cashback.minting.consumer import NAME
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.facts import eventually
from tests.support.load import Customer, Load, Shop, new_key
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, Flow, recovered
from tests.support.small_disk import CrampedPostgres, SmallDisk, small_disk
from tests.support.stack import IMPATIENT, WholeSystem

ROOM: Final = "400m"
"""Three databases take 50 MB, and their log some 20 MB in a minute."""
NO_CHECKPOINT: Final = {"checkpoint_timeout": "1h"}
"""But the one that is asked for."""
HELD_UP: Final = 200
"""Events of which a worker's tables, where they have gaps, cannot take all."""
MINTING: Final = "worker-mint"
NOTICED_WITHIN_S: Final = 60.0
FULL: Final = "its disk is full"

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]


class CrampedSystem(WholeSystem):
    """A system whose databases are all on one small disk."""

    def __init__(self, folder: Path, *, anvil: Path, disk: SmallDisk) -> None:
        """Start nothing yet."""
        super().__init__(folder, anvil=anvil, changes=IMPATIENT)
        self.disk = disk
        self.postgres = CrampedPostgres(folder / "postgres", disk=disk, settings=NO_CHECKPOINT)


@pytest.fixture
def system(tmp_path: Path, anvil_program: Path) -> Iterator[CrampedSystem]:
    """Give a system of its own."""
    with (
        small_disk(tmp_path / "disk", size=ROOM) as disk,
        CrampedSystem(tmp_path / "system", anvil=anvil_program, disk=disk) as system,
    ):
        yield system


@pytest.mark.invariant("I1", "I2", "I3", "I4", "I5", "I6", "I7")
async def test_a_database_whose_disk_was_full_under_load_has_lost_and_doubled_nothing(
    system: CrampedSystem, chance: random.Random
) -> None:
    """Until there is room commands may be repeated, and events wait, also those that a worker tries to apply."""
    async with Shop.open(system) as shop:
        customers = [await shop.customer() for _ in range(8)]
        load = Load(shop, customers, per_second=40)
        async with load.running():
            await load.goes_on(chance.randint(10, 60))
            await asyncio.to_thread(system.processes[MINTING].pause)
            await held_up(system)
            system.disk.fill()
            waiting = [await refused(load, shop, customers[0])]
            system.processes[MINTING].resume()
            await put_back(system)
            await shop.get(f"/v1/purchases/{load.purchases[0]}")
            flow = Flow(system, load)
            await falls(system)
            waiting.append(await refused(load, shop, customers[0]))
            async with recovered(
                system, load, within_s=RECOVERS_SERVER_WITHIN_S, what="a full disk of PostgreSQL", flow=flow
            ):
                system.disk.free()
                await asyncio.to_thread(system.postgres.start)
            await load.goes_on(20)
        for key, body in waiting:
            load.answers[key] = await shop.post("/v1/purchases", body, key=key)
    await assert_nothing_lost_or_doubled(system, load)


async def held_up(system: WholeSystem) -> None:
    """Return once the broker holds that many events for a worker that stands still."""
    async with Bus.connect(system.nats.url(), name="test") as bus:
        await bus.wait_connected()

        async def look() -> bool | None:
            """Count them."""
            count, _ = await backlog(bus, stream=EVENTS.name, name=NAME, types=())
            return True if count >= HELD_UP else None

        await eventually(look, within_s=NOTICED_WITHIN_S, what="events wait for the worker")


async def refused(load: Load, seller: Shop, customer: Customer) -> tuple[str, dict[str, Any]]:
    """Return key and body of the first command that was not done, whose caller is told to repeat it.

    What was done before, where tables had gaps, is of the load.
    """

    async def look() -> tuple[str, dict[str, Any], httpx.Response] | None:
        """Ask for something new."""
        key, body = new_key(), seller.purchase(customer)
        response = await seller.http.post("/v1/purchases", json=body, headers={"Idempotency-Key": key})
        if response.status_code != HTTPStatus.CREATED:
            return key, body, response
        load.answers[key] = response.json()
        return None

    key, body, response = await eventually(look, within_s=NOTICED_WITHIN_S, what="a command is refused")
    assert_may_retry(response)
    return key, body


def assert_may_retry(response: httpx.Response) -> None:
    """Assert that the caller is told to come back, by the same word as without any database."""
    told = response.json()
    assert (response.status_code, told["code"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable"), told
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1


async def put_back(system: WholeSystem) -> None:
    """Return once the worker has put events back because there was no room for what they lead to."""

    async def look() -> bool | None:
        """Read what it said."""
        said = await asyncio.to_thread(system.processes[MINTING].log.read_text)
        return True if any("batch.put_back" in line and FULL in line for line in said.splitlines()) else None

    await eventually(look, within_s=NOTICED_WITHIN_S, what="events were put back")


async def falls(system: WholeSystem) -> None:
    """Have the server note how far it is, and return once it has ended by that."""
    with pytest.raises(psycopg.OperationalError):
        await asyncio.to_thread(system.rows, "cashback", "checkpoint")

    async def look() -> bool | None:
        """Look for the server."""
        return None if system.postgres.is_running else True

    await eventually(look, within_s=NOTICED_WITHIN_S, what="the server has ended")
