"""Webhooks under faults: the broker wiped under load, and their worker killed at every point of its own."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.bus.durable import backlog
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.failpoints import POINTS
from cashback.kernel.outbox.replay import replay_outbox
from cashback.webhooks.consumer import NAME
from tests.chaos.test_broker import lose_storage, published
from tests.chaos.test_worker_failpoints import dies_at
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.integration.webhooks.world import WRONG_LOGS, open_shop
from tests.integration.webhooks.world import Shop as Receiver
from tests.support.facts import eventually
from tests.support.load import Load, Shop, new_key
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, recovers
from tests.support.stack import WholeSystem, rest_client

TYPES: Final = ("purchase.created", "cashback.approved", "token.mint.requested", "token.minted")
OPEN: Final = "select count(*) from webhooks.deliveries where endpoint_id = %s and state <> 'delivered'"
COUNTS: Final = "select count(*), count(distinct event_id) from webhooks.deliveries where endpoint_id = %s"
DELIVERED_WITHIN_S: Final = 120.0
APART: Final = frozenset({"failure.noted", "letter.buried"})
"""Points that no load leads to."""

OUTBOXES: Final = {"purchases": "LEDGER", "ledger": "LEDGER", "minting": "MINTING"}
"""Each outbox, and by whose auditor it is read."""
SERVICE: Final = "worker-webhooks"

pytestmark = pytest.mark.deep


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Give a server of the merchant's."""
    async with open_shop() as server:
        yield server


class Heard(msgspec.Struct, frozen=True):
    """A load, and the endpoint of its merchant that hears of all of it."""

    load: Load
    endpoint_id: str
    receiver: Receiver

    async def of_more_than(self, before: int) -> bool:
        """Tell whether the endpoint was called more often than that."""
        return len(self.receiver.got) > before

    def missing(self) -> set[tuple[str, str]]:
        """Return of which cashback which type of event was not heard yet."""
        bodies = [msgspec.json.decode(got.body) for got in self.receiver.got]
        heard = {(body["type"], body["data"]["cashback_id"]) for body in bodies}
        told = {(type_, answer["cashback"]["id"]) for answer in self.load.answers.values() for type_ in TYPES}
        return told - heard


@asynccontextmanager
async def hearing(stack: WholeSystem, receiver: Receiver, *, kind: type[Shop] = Shop) -> AsyncIterator[Heard]:
    """Yield a load that runs while the block lasts, whose endpoint was there before its first purchase."""
    body = {"url": receiver.url("/hooks"), "types": list(TYPES)}
    async with kind.open(stack) as shop, rest_client(stack, stack.operator_key) as http:
        named = {**body, "merchant_id": shop.merchant_id}
        made = await http.post("/v1/webhooks/endpoints", json=named, headers={"Idempotency-Key": new_key()})
        assert made.status_code == httpx.codes.CREATED, made.text
        load = Load(shop, [await shop.customer() for _ in range(4)], per_second=20)
        async with load.running():
            yield Heard(load, str(made.json()["id"]), receiver)


async def settled(stack: WholeSystem, heard: Heard) -> None:
    """Return once the worker has taken everything that the broker holds, and delivered it."""
    async with Bus.connect(stack.nats.url(), name="test") as bus:
        await bus.wait_connected()

        async def look() -> bool | None:
            count, _ = await backlog(bus, stream=EVENTS.name, name=NAME, types=())
            return True if count == 0 and stack.rows("cashback", OPEN, heard.endpoint_id) == [(0,)] else None

        await eventually(look, within_s=DELIVERED_WITHIN_S, what="what the broker holds is delivered")


async def assert_each_was_heard_of(stack: WholeSystem, heard: Heard) -> None:
    """Assert that every step of every purchase was heard of, and no event delivered twice but under its own id (I5).

    The log of every delivery agrees with it.
    """

    async def look() -> bool | None:
        return None if heard.missing() else True

    await eventually(look, within_s=DELIVERED_WITHIN_S, what="every step of every purchase is heard of")
    await settled(stack, heard)
    [(deliveries, events)] = stack.rows("cashback", COUNTS, heard.endpoint_id)
    assert deliveries == events == len({got.id for got in heard.receiver.got})
    assert stack.rows("cashback", f"{WRONG_LOGS} and endpoint_id = %s", heard.endpoint_id) == []


async def replay_everything(stack: WholeSystem) -> None:
    """Publish what the outboxes keep again, as `cashback replay --from-outbox` does."""
    async with Bus.connect(stack.nats.url(), name="test") as bus:
        await bus.wait_connected()
        for schema, auditor in OUTBOXES.items():
            dsn = stack.operator_settings()[f"CASHBACK_{auditor}_AUDIT_DSN"]
            async with Database.open(dsn, name="test", connections_max=1) as database:
                await replay_outbox(database, bus, schema=schema)


@pytest.mark.invariant("I4", "I5")
async def test_wiping_the_broker_under_load_loses_no_webhook_once_the_outboxes_were_replayed(
    stack: WholeSystem, chance: random.Random, receiver: Receiver
) -> None:
    """The worker sleeps through the wipe: what it had not taken is gone from the broker for certain, until replayed."""
    async with hearing(stack, receiver) as heard:
        await heard.load.goes_on(chance.randint(10, 30))
        await asyncio.to_thread(stack.processes[SERVICE].stop)
        await heard.load.goes_on(40)
        await lose_storage(stack)
        await asyncio.to_thread(stack.processes[SERVICE].start)
        await heard.load.goes_on(30)
    await assert_nothing_lost_or_doubled(stack, heard.load)
    await published(stack)
    await settled(stack, heard)
    assert heard.missing()
    await replay_everything(stack)
    await assert_each_was_heard_of(stack, heard)


@pytest.mark.invariant("I4", "I5")
@pytest.mark.parametrize("point", sorted(POINTS["worker webhooks"] - APART))
async def test_a_worker_of_webhooks_killed_at_a_point_under_load_loses_no_webhook(
    stack: WholeSystem, tmp_path: Path, receiver: Receiver, point: str
) -> None:
    """Whatever it had begun comes again: each event is one delivery, which another worker brings to its end."""
    async with hearing(stack, receiver) as heard:
        await heard.load.goes_on(5)
        await asyncio.to_thread(stack.processes[SERVICE].stop)
        for nth in (1, 2):
            await dies_at(stack, SERVICE, f"{point}=kill@{nth}", heard.load, tmp_path)
        before, began_s = len(receiver.got), monotonic_s()
        await asyncio.to_thread(stack.processes[SERVICE].start)
        within_s = RECOVERS_PROCESS_WITHIN_S - (monotonic_s() - began_s)
        await recovers(lambda: heard.of_more_than(before), within_s=within_s, what="webhooks go out again")
        await heard.load.goes_on(5)
    await assert_nothing_lost_or_doubled(stack, heard.load)
    await assert_each_was_heard_of(stack, heard)
