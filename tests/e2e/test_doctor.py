"""What `cashback doctor` says of a running system in which one process has ended, and of one that is at work."""

from datetime import timedelta
from typing import Any

import pytest

from cashback.kernel.bus import attended
from cashback.kernel.clock import ManualClock, SystemClock
from cashback.kernel.config import load
from cashback.processes import doctor
from tests.support.facts import eventually
from tests.support.load import Shop
from tests.support.stack import WholeSystem, stopped

WITHIN_S = 30.0


async def examined(stack: WholeSystem) -> dict[str, doctor.Examined]:
    """Return what doctor says, by what it has examined."""
    return {one.what: one for one in await doctor.examine(load(doctor.Settings, stack.operator_settings()))}


async def says(stack: WholeSystem, what: str, *words: str) -> str:
    """Return what doctor says of `what` once that is not well and is told in these words."""

    async def look() -> str | None:
        """Ask once."""
        found = (await examined(stack))[what]
        return found.detail if not found.is_well and all(word in found.detail for word in words) else None

    return await eventually(look, within_s=WITHIN_S, what=f"doctor says {words} of {what}")


async def is_well(stack: WholeSystem, *whats: str) -> None:
    """Return once doctor says that these are well."""

    async def look() -> bool | None:
        """Ask once."""
        found = await examined(stack)
        return True if all(found[what].is_well for what in whats) else None

    await eventually(look, within_s=WITHIN_S, what=f"doctor finds {whats} well")


@pytest.mark.parametrize("service, schema", [("cashback", "ledger"), ("minting", "minting")])
async def test_doctor_names_the_relay_that_is_missing(
    shop: Shop, stack: WholeSystem, service: str, schema: str
) -> None:
    """Its outbox grows older, and nothing else of doctor's would tell; with a relay it is well again."""
    what, customer = f"outboxes of {service}", await shop.customer()
    await is_well(stack, what)
    aged = (
        f"update {schema}.outbox_events as event set time = time - interval '2 minutes' from {schema}.outbox_cursors"
        " as lane where lane.partition = event.partition and event.position > lane.position returning event.key"
    )

    async def is_aged() -> list[Any] | None:
        """Have what waits there be older, once something does."""
        return stack.rows(service, aged) or None

    async with stopped(stack.processes[f"relay-{service}"]):
        answer = await shop.buy(customer)
        await eventually(is_aged, within_s=WITHIN_S, what=f"an event waits in {schema}")
        said = await says(stack, what, f"{schema} for 1", f"`cashback relay` with CASHBACK_RELAY_SERVICE={service}")
        assert "published" in said
    await shop.settled(answer["id"])
    await is_well(stack, what)


@pytest.mark.parametrize(
    "worker, consumer",
    [("ledger", "ledger-approvals"), ("mint", "minting-requests"), ("webhooks", "webhooks-deliveries")],
)
async def test_doctor_names_the_worker_that_is_missing(
    shop: Shop, stack: WholeSystem, monkeypatch: pytest.MonkeyPatch, worker: str, consumer: str
) -> None:
    """By what waits in its durable consumer while nobody asks for it; with the worker it is well again."""
    monkeypatch.setattr(attended, "QUIET_S", 1.0)
    customer = await shop.customer()
    async with stopped(stack.processes[f"worker-{worker}"]):
        answer = await shop.buy(customer)
        await says(stack, "workers", f"in {consumer}", f"start `cashback worker {worker}`")
    await shop.settled(answer["id"])
    await is_well(stack, "workers")


async def test_doctor_names_what_nobody_requests(
    shop: Shop, stack: WholeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cashback with a wallet, two minutes after it was approved, while no worker of the ledger is at work."""
    async with stopped(stack.processes["worker-ledger"]):
        answer = await shop.buy(await shop.customer())
        with monkeypatch.context() as later:
            clock = ManualClock(SystemClock().now() + timedelta(minutes=2))
            later.setattr("cashback.processes.doctor.ledger.business_clock", lambda: clock)
            await says(stack, "mint requests", answer["cashback"]["id"], "start `cashback worker ledger`")
    await shop.settled(answer["id"])
    await is_well(stack, "mint requests")


async def test_doctor_finds_nothing_wrong_with_a_system_that_is_at_work(shop: Shop, stack: WholeSystem) -> None:
    """While purchases come, are requested and minted: nobody is missed who has much to do."""
    customers = [await shop.customer() for _ in range(5)]
    answers = []
    for _ in range(4):
        answers += [await shop.buy(customer) for customer in customers]
        found = await examined(stack)
        wrong = {name: one.detail for name, one in found.items() if not one.is_well and name != "reconciliation"}
        assert wrong == {}
    for answer in answers:
        await shop.settled(answer["id"])
