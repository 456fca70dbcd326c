"""One purchase is one trace, from the HTTP request to the chain attempt and back, across outbox, NATS and gRPC."""

import asyncio
import secrets
from collections import Counter

import pytest

from tests.e2e.conftest import Minted
from tests.support.collector import Collector, Told
from tests.support.facts import eventually
from tests.support.load import Shop

SUBMIT = "cashback.chain.v1.ChainAdapterService/SubmitMints"
GET_MINTS = "cashback.chain.v1.ChainAdapterService/GetMints"
DOWN_TO_THE_CHAIN = [
    ("api", "POST /v1/purchases"),
    ("api", "create cashback.approved"),
    ("worker-ledger", "process cashback.approved"),
    ("worker-ledger", "create token.mint.requested"),
    ("worker-mint", "process token.mint.requested"),
    ("worker-mint", "submit mint"),
    ("adapter", "accept mint"),
    ("adapter", "attempt mint"),
]
"""Each the child of the one before."""

BACK = [
    ("worker-mint", "process token.mint.requested"),
    ("worker-mint", "create token.minted"),
    ("worker-ledger", "process token.minted"),
]
HEARS_OF_ALL = "worker-webhooks"
"""It processes what others act on, so that each event is processed once more, on a side branch of its own."""

PUBLISHED = ("purchase.created", "cashback.approved", "token.mint.requested", "token.minted")
EVENT = "messaging.message.id"
PLACE = "cashback.delivery.sequence"
ATTEMPT = "cashback.delivery.attempt"


async def spans_of(minted: Minted, collector: Collector) -> list[Told]:
    """Return the spans of the purchase that all tests look at."""
    return unreplayed(await whole(minted.trace_id, collector))


def unreplayed(spans: list[Told]) -> list[Told]:
    """Return the spans but for those of a replay, which another test here makes: an event's own place is its first.

    What the broker delivers again it delivers from the same place, so that is among them.
    """
    places: dict[str, int] = {}
    for one in spans:
        if PLACE in one.attributes:
            event, place = one.attributes[EVENT], int(one.attributes[PLACE])
            places[event] = min(place, places.get(event, place))
    return [
        one
        for one in spans
        if PLACE not in one.attributes or int(one.attributes[PLACE]) == places[one.attributes[EVENT]]
    ]


async def whole(trace_id: str, collector: Collector) -> list[Told]:
    """Return the spans of a purchase's trace, once each process has told its own: each does every second.

    And what they are linked to, which ends after them.
    """

    async def look() -> list[Told] | None:
        found = collector.of_trace(trace_id)
        missing = {*DOWN_TO_THE_CHAIN, *BACK} | {("relay", f"publish {type_}") for type_ in PUBLISHED}
        missing |= {(HEARS_OF_ALL, f"process {type_}") for type_ in PUBLISHED}
        ids = {(one.trace_id, one.id) for one in collector.spans}
        is_told = not missing - {(one.service, one.name) for one in found}
        return found if is_told and all(link in ids for one in found for link in one.links) else None

    return await eventually(look, within_s=20, what="the whole trace is told")


def only(spans: list[Told], name: str) -> Told:
    """Return the one span of a name, of those who act."""
    [found] = [one for one in spans if one.name == name and one.service != HEARS_OF_ALL]
    return found


def last(spans: list[Told], name: str) -> Told:
    """Return the span of a name, of those who act, that began last: of an attempt there is one for each time."""
    return max(
        (one for one in spans if one.name == name and one.service != HEARS_OF_ALL), key=lambda one: one.started_ns
    )


def path_to(span: Told, spans: list[Told]) -> list[tuple[str, str]]:
    """Return service and name of a span and of all above it, the highest first."""
    by_id = {one.id: one for one in spans}
    path = [span]
    while path[0].parent_id in by_id:
        path.insert(0, by_id[path[0].parent_id])
    return [(one.service, one.name) for one in path]


async def test_one_purchase_is_one_trace_in_parent_order_and_none_of_it_is_orphaned(
    minted: Minted, collector: Collector
) -> None:
    """From the caller's span down to the transaction and back to the books; what relays publish hangs on its event."""
    spans = await spans_of(minted, collector)
    known = {one.id for one in spans} | {minted.caller_id}
    assert [one for one in spans if one.parent_id not in known] == []
    assert path_to(last(spans, "attempt mint"), spans) == DOWN_TO_THE_CHAIN
    assert path_to(only(spans, "process token.minted"), spans)[-len(BACK) :] == BACK
    assert only(spans, "POST /v1/purchases").parent_id == minted.caller_id
    for type_ in PUBLISHED:
        told = only(spans, f"publish {type_}")
        assert (told.service, told.parent_id) == ("relay", only(spans, f"create {type_}").id)
        heard = [one for one in spans if (one.service, one.name) == (HEARS_OF_ALL, f"process {type_}")]
        assert {one.parent_id for one in heard} == {only(spans, f"create {type_}").id}
    assert [one for one in spans if one.is_error] == []
    assert collector.problems == []


@pytest.mark.invariant("I5")
async def test_each_event_of_a_purchase_is_processed_once_by_each_who_hears_of_it(
    minted: Minted, collector: Collector
) -> None:
    """At the first delivery of each place that it has in the stream: one, and one for each replay by another test."""
    tries = [one for one in await whole(minted.trace_id, collector) if PLACE in one.attributes]
    given = Counter((one.service, one.name, one.attributes[PLACE]) for one in tries)
    assert [one for one, times in given.items() if times > 1] == []
    assert {one.attributes[ATTEMPT] for one in tries} == {"1"}


async def test_what_was_done_for_many_at_once_is_linked_both_ways_and_in_no_ones_trace(
    minted: Minted, collector: Collector
) -> None:
    """Publishing, processing, submitting, accepting and signing: each has a span of the whole in a trace of its own."""
    spans = await spans_of(minted, collector)
    wholes = {
        "publish cashback.approved": "send cashback.v1",
        "process cashback.approved": "process ledger-approvals",
        "process token.mint.requested": "process minting-requests",
        "submit mint": "submit mints",
        "accept mint": SUBMIT,
        "attempt mint": "attempt transaction",
    }
    for part, name in wholes.items():
        one = last(spans, part)
        [(trace_id, whole_id)] = one.links
        [batch] = [each for each in collector.of_trace(trace_id) if each.id == whole_id]
        assert batch.name == name
        assert trace_id != minted.trace_id
        if part != "accept mint":
            above = (minted.trace_id, one.parent_id)
            assert above in batch.links


async def test_the_call_to_the_adapter_is_one_trace_on_both_sides(minted: Minted, collector: Collector) -> None:
    """The server's span is the child of the client's, and both know how it ended."""
    spans = await spans_of(minted, collector)
    [(trace_id, served_id)] = last(spans, "accept mint").links
    client, server = sorted(
        (one for one in collector.of_trace(trace_id) if one.name == SUBMIT), key=lambda one: -one.kind
    )
    assert (server.id, server.parent_id, server.service, client.service) == (
        served_id,
        client.id,
        "adapter",
        "worker-mint",
    )
    assert {one.attributes["rpc.response.status_code"] for one in (client, server)} == {"OK"}


async def test_the_spans_say_which_request_event_and_transaction_they_are_about(
    minted: Minted, collector: Collector
) -> None:
    """By the names of the semantic conventions where there are some; the route is a pattern, not a path."""
    spans = await spans_of(minted, collector)
    request = only(spans, "POST /v1/purchases").attributes
    assert (request["http.route"], request["http.response.status_code"]) == ("/v1/purchases", "201")
    told = only(spans, "process cashback.approved").attributes
    assert (told["messaging.system"], told["messaging.operation.type"]) == ("nats", "process")
    assert told["messaging.message.id"] == only(spans, "create cashback.approved").attributes["messaging.message.id"]
    attempt = last(spans, "attempt mint").attributes
    mint = minted.cashback["mint"]
    assert attempt["cashback.transaction.hash"] == mint["transaction_hash"]
    assert attempt["cashback.mint.number"] == mint["number"]


async def test_a_purchase_that_its_caller_does_not_record_is_recorded_by_nobody(
    shop: Shop, collector: Collector
) -> None:
    """The flag decides all the way: of two purchases at the same time one is told, and of the other nothing."""
    told, untold = secrets.token_hex(16), secrets.token_hex(16)
    customer = await shop.customer()
    answers = [
        await shop.buy(customer, headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"})
        for trace_id, flags in ((untold, "00"), (told, "01"))
    ]
    await asyncio.gather(*(shop.settled(answer["id"]) for answer in answers))
    assert "process token.minted" in {one.name for one in await whole(told, collector)}
    assert collector.of_trace(untold) == []


async def test_a_reading_of_the_chain_is_one_trace_across_grpc(
    minted: Minted, shop: Shop, collector: Collector
) -> None:
    """From the GET over the API's call to the adapter that answered it."""
    trace_id, caller_id = secrets.token_hex(16), secrets.token_hex(8)
    headers = {"traceparent": f"00-{trace_id}-{caller_id}-01"}
    response = await shop.http.get(f"/v1/purchases/{minted.answer['id']}", headers=headers)
    assert response.status_code == 200
    path = [("api", "GET /v1/purchases/{purchase_id}"), ("api", GET_MINTS), ("adapter", GET_MINTS)]

    async def look() -> list[Told] | None:
        spans = collector.of_trace(trace_id)
        return spans if len(spans) == len(path) else None

    spans = await eventually(look, within_s=10, what="the reading is told")
    [server] = [one for one in spans if one.service == "adapter"]
    assert path_to(server, spans) == path
