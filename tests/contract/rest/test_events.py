"""The log of events over REST: what endpoints are told, byte for byte, to the merchant whose it is and to operators."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.db import Database
from cashback.kernel.http import Terms, cursor_of
from cashback.kernel.ids import new_id
from cashback.purchases.model import Merchant
from cashback.webhooks.model import EventsWanted, Happening
from cashback.webhooks.rules.signing import body_of
from cashback.webhooks.service.taking import take
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS: Final = "/v1/events"
REFUNDED: Final = "purchase.refunded"
AT: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)
DATA: Final = b'{"amount_minor" : "1e3", "why":"\\u00fcber", "lines":[1.50, null], "amount_minor_of_before":"07"}'
"""JSON that comes out as other bytes when it is read and written anew."""


class Shop(msgspec.Struct, frozen=True):
    """A merchant and whoever holds its key."""

    merchant: Merchant
    keeper: Caller


@pytest_asyncio.fixture(loop_scope="module")
async def shop(rest: Rest, world: World) -> Shop:
    """Give a merchant."""
    merchant = await world.merchant()
    return Shop(merchant, await rest.merchant(merchant))


@pytest_asyncio.fixture(loop_scope="module")
async def rival(rest: Rest, world: World) -> Caller:
    """Give another merchant."""
    return await rest.merchant(await world.merchant())


def happening(merchant: Merchant | None, *, after_s: int = 0, type_: str = REFUNDED, data: bytes = b"{}") -> Happening:
    """Return an event of a merchant."""
    at = AT + timedelta(seconds=after_s)
    return Happening(
        event_id=new_id("evt"),
        type=type_,
        key=new_id("pur"),
        merchant_id=None if merchant is None else merchant.id,
        occurred_at=at,
        body=body_of(type_, at, data),
    )


async def taken(world: World, *happenings: Happening) -> list[str]:
    """Have the worker take events in, and return their ids."""
    async with Database.open(world.dsns.of("cashback_webhooks"), name="webhooks") as worker, worker.transaction() as tx:
        await take(tx, happenings)
    return [one.event_id for one in happenings]


async def listed(caller: Caller, **asked: object) -> list[dict[str, Any]]:
    """Return the events of every page, two at a time."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        response = await caller.get(EVENTS, params={"limit": 2, **asked, **cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_an_event_is_told_with_the_bytes_that_endpoints_are_posted(shop: Shop, world: World) -> None:
    """By its id and in a list: neither a number nor a character is written in another way."""
    one = happening(shop.merchant, data=DATA)
    await taken(world, one)
    shown = await shop.keeper.get(f"{EVENTS}/{one.event_id}")
    assert shown.status_code == 200
    body = {"type": REFUNDED, "timestamp": "2026-11-01T12:00:00Z", "data": msgspec.json.decode(DATA)}
    assert shown.json() == {
        "id": one.event_id,
        "type": REFUNDED,
        "object_id": one.key,
        "merchant_id": shop.merchant.id,
        "occurred_at": "2026-11-01T12:00:00Z",
        "body": body,
    }
    page = await shop.keeper.get(EVENTS)
    assert page.json() == {"items": [shown.json()], "next_cursor": None}
    for answer in (shown, page):
        assert one.body in answer.content


async def test_a_merchant_finds_its_own_alone_and_an_operator_all(
    shop: Shop, rival: Caller, world: World, operator: Caller
) -> None:
    """Another's is not there, in the words of what there is not; what is nobody's is the operator's."""
    own, by_hand = await taken(world, happening(shop.merchant), happening(None))
    for caller, event_id in ((rival, own), (shop.keeper, by_hand), (rival, new_id("evt"))):
        refused = await caller.get(f"{EVENTS}/{event_id}")
        assert_problem(refused, 404, "event_unknown", parameter="event_id")
        assert refused.json()["detail"] == "there is no such event, or no more"
    assert [one["id"] for one in await listed(shop.keeper)] == [own]
    assert await listed(rival) == []
    strange = await rival.get(f"{EVENTS}?merchant_id={shop.merchant.id}")
    assert_problem(strange, 404, "merchant_unknown", parameter="merchant_id")
    assert {own, by_hand} <= {one["id"] for one in await listed(operator)}
    assert [one["id"] for one in await listed(operator, merchant_id=shop.merchant.id)] == [own]
    nobodys = (await operator.get(f"{EVENTS}/{by_hand}")).json()
    assert (nobodys["id"], nobodys["merchant_id"]) == (by_hand, None)


async def test_events_are_listed_newest_first_by_object_span_and_type(shop: Shop, world: World) -> None:
    """Page by page; a span begins with its first instant and ends before its last."""
    happened = [happening(shop.merchant, after_s=second) for second in range(5)]
    minted = happening(shop.merchant, after_s=9, type_="token.minted")
    await taken(world, *happened, minted)
    newest_first = [one.event_id for one in (minted, *happened[::-1])]
    assert [one["id"] for one in await listed(shop.keeper)] == newest_first
    span = {"since": "2026-11-01T13:00:01+01:00", "until": "2026-11-01T12:00:03Z"}
    assert [one["id"] for one in await listed(shop.keeper, **span)] == newest_first[3:5]
    assert [one["id"] for one in await listed(shop.keeper, type="token.minted")] == [minted.event_id]
    assert [one["id"] for one in await listed(shop.keeper, object_id=happened[2].key)] == [happened[2].event_id]
    assert await listed(shop.keeper, object_id=happened[2].key, type="token.minted") == []


async def test_what_cannot_be_asked_for_is_named(shop: Shop) -> None:
    """A type that there is not, with those that there are; a span that ends before it begins; an instant in no zone."""
    refused = await shop.keeper.get(EVENTS, params={"type": "token.lost"})
    assert_problem(refused, 422, "event_types_invalid", parameter="type")
    assert "token.mint.failed, token.mint.requested, token.mint.reverted" in refused.json()["detail"]
    backwards = {"since": "2026-11-02T00:00:00Z", "until": "2026-11-02T00:00:00Z"}
    assert_problem(await shop.keeper.get(EVENTS, params=backwards), 422, "period_invalid", parameter="until")
    for name in ("since", "until"):
        naive = await shop.keeper.get(EVENTS, params={name: "2026-11-01T12:00:00"})
        assert_problem(naive, 422, "period_invalid", parameter=name)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "1",
        "yesterday evt_1",
        "2026-11-01T12:00:00+00:00",
        "2026-11-01T12:00:00 evt_1",
        "9999-12-31T23:59:59Z evt_1",
    ],
)
async def test_a_list_is_continued_by_its_own_cursors_alone(shop: Shop, place: str) -> None:
    """A place is an instant in its zone, and the id of an event; with it goes what was asked for, and who asked."""
    own = Terms.of("events", filter=EventsWanted(merchant_id=shop.merchant.id))
    for bound in (place, own.bound(place) or ""):
        refused = await shop.keeper.get(EVENTS, params={"cursor": cursor_of(bound)})
        assert_problem(refused, 422, "cursor_invalid", parameter="cursor")


async def test_a_list_is_not_continued_with_other_filters(shop: Shop, world: World) -> None:
    """As everywhere: what the pages had together would be neither list."""
    await taken(world, happening(shop.merchant), happening(shop.merchant))
    page = (await shop.keeper.get(EVENTS, params={"limit": 1})).json()
    assert (await shop.keeper.get(EVENTS, params={"cursor": page["next_cursor"]})).status_code == 200
    for others in ({"type": "purchase.refunded"}, {"since": "2026-03-01T12:00:00Z"}):
        refused = await shop.keeper.get(EVENTS, params={"cursor": page["next_cursor"], **others})
        assert_problem(refused, 422, "cursor_invalid", parameter="cursor")


async def test_an_instant_of_another_offset_is_the_same_filter(shop: Shop, world: World) -> None:
    """One instant has one cursor, however it is written."""
    await taken(world, happening(shop.merchant), happening(shop.merchant))
    page = (await shop.keeper.get(EVENTS, params={"limit": 1, "since": "2020-01-01T12:00:00Z"})).json()
    elsewhere = {"since": "2020-01-01T14:00:00+02:00", "cursor": page["next_cursor"]}
    assert (await shop.keeper.get(EVENTS, params=elsewhere)).status_code == 200


async def test_reading_events_changes_nothing(rest: Rest, shop: Shop, world: World) -> None:
    """Whoever reads has no right to write."""
    [event_id] = await taken(world, happening(shop.merchant))
    before = await rest.stored()
    await shop.keeper.get(f"{EVENTS}/{event_id}")
    await listed(shop.keeper)
    assert await rest.stored() == before
