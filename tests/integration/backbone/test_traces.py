"""Events in their own traces: what is stored is their creation, each try to process them is a span, no other is."""

from collections.abc import Iterator, Sequence

import msgspec
import pytest

from cashback.kernel.bus import Bus, Delivery, publish
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.outbox import append
from cashback.kernel.telemetry import Span, record_with
from tests.integration.backbone.loops import are_done, consumer, have_applied, some
from tests.integration.backbone.world import SCHEMA, apply, eventually, happened, rows, running, to_message

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def told() -> Iterator[list[Span]]:
    """Give the list of all spans that end during the test."""
    spans: list[Span] = []
    with record_with(spans.append):
        yield spans


async def test_an_event_is_stored_with_the_span_of_its_creation(shop: Database, told: list[Span]) -> None:
    """Below the context it came with; one of a trace that nobody records keeps what it came with, one of none none."""
    sampled, unsampled, alone = (
        msgspec.structs.replace(one, traceparent=given)
        for one, given in zip(some(3), (ONE, UNSAMPLED, None), strict=True)
    )
    await happened(shop, sampled, unsampled, alone)
    [made] = told
    assert (made.name, made.parent_id) == (f"create {sampled.type}", ONE[36:52])
    stored = await rows(shop, f"select traceparent from {SCHEMA}.outbox_events order by position")
    assert [row[0] for row in stored] == [made.traceparent, UNSAMPLED, None]


async def test_each_try_is_a_span_and_what_a_handler_appends_is_its_child(
    shop: Database, bus: Bus, told: list[Span]
) -> None:
    """The first fails by the outage's name, the second has the new event below it; the unsampled neighbour has none."""
    came, neighbour, made = some(3)
    outages = [Unavailable("planted")]
    seen: dict[str, str | None] = {}

    async def handle(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Fail once, then apply, and tell of the first delivery under the trace that it came in."""
        if outages:
            raise outages.pop()
        await apply(tx, deliveries)
        seen.update({one.id: one.traceparent for one in deliveries})
        if any(one.id == came.id for one in deliveries):
            await append(tx, SCHEMA, [msgspec.structs.replace(made, traceparent=ONE)])

    told_of = [
        msgspec.structs.replace(came, traceparent=ONE),
        msgspec.structs.replace(neighbour, traceparent=UNSAMPLED),
    ]
    await publish(bus, [to_message(one) for one in told_of])
    told.clear()
    async with running(consumer(shop, bus, handler=handle).run):
        await eventually(lambda: have_applied(shop, 2))
        await eventually(lambda: are_done(bus))
    tries = [one for one in told if one.name == f"process {came.type}"]
    assert [one.error for one in tries] == ["Unavailable", None]
    assert {one.parent_id for one in tries} == {ONE[36:52]}
    places = [
        (one.attributes["cashback.delivery.attempt"], one.attributes["cashback.delivery.sequence"]) for one in tries
    ]
    assert places == [(1, 1), (2, 1)]
    assert seen == {came.id: tries[1].traceparent, neighbour.id: UNSAMPLED}
    [created] = [one for one in told if one.name == f"create {made.type}"]
    assert created.parent_id == tries[1].traceparent[36:52]
    assert {one.traceparent[3:35] for one in told} & {UNSAMPLED[3:35]} == set()
