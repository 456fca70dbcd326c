"""Events become deliveries: for whom, once, and not from before."""

from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest

from cashback.events.ledger import CashbackApproved
from cashback.processes.webhook_worker import belongings_of
from cashback.webhooks import EndpointUnknown, NewEndpoint, TypesInvalid, UrlForbidden
from cashback.webhooks.consumer import WebhookUnreadable
from cashback.webhooks.model import Belonging
from cashback.webhooks.store.endpoints import page
from tests.contract.golden_bytes import all_golden, golden
from tests.integration.ledger.adjusting import adjusted, credit_of
from tests.integration.ledger.world import buy, open_world
from tests.integration.webhooks.world import World, event, of_merchant, refunded


async def heard(world: World) -> set[tuple[str, str]]:
    """Return which paths are to hear of which events."""
    rows = world.rows(
        "select endpoint.url, delivery.event_id from webhooks.deliveries as delivery"
        " join webhooks.endpoints as endpoint on endpoint.id = delivery.endpoint_id"
    )
    return {(url.rpartition("/")[2], event_id) for url, event_id in rows}


async def test_an_event_becomes_a_delivery_for_every_endpoint_of_its_merchant_and_no_other(world: World) -> None:
    """Two of its own and the operator's, of its type; whose an event is, is looked up where it does not say so."""
    for path, merchant_id in (("/a", "mer_1"), ("/b", "mer_1"), ("/other", "mer_2"), ("/operator", None)):
        await world.endpoint(path, merchant_id=merchant_id)
    await world.endpoint("/types", merchant_id="mer_1", types=["token.minted"])
    world.belongings["cb_known"] = of_merchant("mer_2")
    await world.take(
        refunded(id_="one"),
        event(CashbackApproved.TYPE, b'{"cashback_id":"cb_known"}', id_="two"),
        event(CashbackApproved.TYPE, b'{"cashback_id":"cb_by_hand"}', id_="three"),
    )
    assert await heard(world) == {
        *((path, "one") for path in ("a", "b", "operator")),
        *((path, "two") for path in ("other", "operator")),
        ("operator", "three"),
    }


@pytest.mark.invariant("I5")
async def test_an_event_that_comes_again_makes_no_second_delivery(world: World) -> None:
    """I5: in the same batch or in a later one, even when the inbox has forgotten it."""
    await world.endpoint()
    one = refunded()
    await world.take(one, one)
    await world.take(one)
    assert world.states() == ["due"]


async def test_an_event_before_the_subscription_is_not_delivered(world: World) -> None:
    """A stream holds a week, and a replay brings it again."""
    endpoint = await world.endpoint()
    await world.take(
        refunded(time=endpoint.created_at - timedelta(microseconds=1)), refunded(time=datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert world.states() == []
    await world.take(refunded(time=endpoint.created_at))
    assert world.states() == ["due"]


async def test_what_is_no_json_is_refused_as_a_whole(world: World) -> None:
    """It belongs to the dead letters, by a reason that a person can read."""
    await world.endpoint()
    with pytest.raises(WebhookUnreadable, match=r"token.minted cannot be read"):
        await world.take(refunded(), event("token.minted", b"nonsense"))
    assert world.states() == []


async def test_the_ledger_tells_the_worker_whose_a_cashback_is(world: World) -> None:
    """With the worker's own role: what was bought, and what was given by hand; one that does not exist is nobody's."""
    async with open_world(world.dsns) as service:
        programme = await service.programme()
        user, merchant = await service.user(), await service.merchant()
        [bought] = await service.record(buy(user, merchant))
        given = await adjusted(service, credit_of(user, programme.id))
    async with world.worker.transaction() as tx:
        assert await belongings_of(tx, [bought.cashback.id, given.cashback_id, "cb_unknown"]) == {
            bought.cashback.id: Belonging(purchase_id=bought.id, user_id=user.id, merchant_id=merchant.id),
            given.cashback_id: Belonging(purchase_id=None, user_id=user.id, merchant_id=None),
        }


@pytest.mark.parametrize("type_, version", all_golden())
async def test_whatever_happens_is_told_with_whose_it_is(world: World, type_: str, version: int) -> None:
    """Every version of every type, as any release wrote it: its own bytes, and every id that they do not say."""
    world.belongings["cb_1"] = Belonging(purchase_id="pur_1", user_id="usr_1", merchant_id="mer_1")
    data = golden(type_, version).replace(b"null", b'"pur_1"')
    await world.endpoint(types=[type_])
    await world.take(event(type_, data))
    [(posted,), (logged,)] = world.rows(
        "select body from webhooks.deliveries union all select body from webhooks.events"
    )
    assert posted == logged
    assert b'"data":' + data[:-1] in posted
    told = msgspec.json.decode(posted)["data"]
    ids = {name: told[name] for name in ("purchase_id", "user_id", "merchant_id")}
    assert ids == {"purchase_id": "pur_1", "user_id": "usr_1", "merchant_id": "mer_1"}
    assert told == msgspec.json.decode(data) | ids


async def test_a_disabled_endpoint_hears_of_nothing_until_it_is_enabled(world: World) -> None:
    """What was to be delivered ends; it is the owner who does both, and nobody else."""
    endpoint = await world.endpoint()
    await world.take(refunded())
    async with world.api.transaction() as tx:
        with pytest.raises(EndpointUnknown):
            await world.endpoints.disable(tx, endpoint.id, merchant_id="mer_2", by="test")
        assert await world.endpoints.disable(tx, endpoint.id, merchant_id="mer_1", by="test") == 1
        assert await world.endpoints.disable(tx, endpoint.id, merchant_id=None, by="test") == 0
    await world.take(refunded())
    assert world.states() == ["failed"]
    async with world.api.transaction() as tx:
        await world.endpoints.enable(tx, endpoint.id, merchant_id="mer_1", by="test")
    await world.take(refunded())
    assert world.states() == ["due", "failed"]
    told = world.rows("select what, detail from webhooks.endpoint_journal order by id")
    assert told == [("created", ""), ("disabled", "by_hand: 1 deliveries ended"), ("enabled", "")]


@pytest.mark.parametrize(
    "url,types,error",
    [
        ("http://shop.example", ("token.minted",), UrlForbidden),
        ("https://10.0.0.1", ("token.minted",), UrlForbidden),
        ("https://shop.example", (), TypesInvalid),
        ("https://shop.example", ("token.minted", "token.minted"), TypesInvalid),
        ("https://shop.example", ("token.lost",), TypesInvalid),
    ],
)
async def test_an_endpoint_that_cannot_be_is_refused_with_the_place(
    world: World, url: str, types: tuple[str, ...], error: type[UrlForbidden | TypesInvalid]
) -> None:
    """Before anything is stored."""
    async with world.api.transaction() as tx:
        with pytest.raises(error) as caught:
            await world.endpoints.create(tx, NewEndpoint(merchant_id=None, url=url, types=types, by="test"))
        assert caught.value.fields["pointer"] in {"/url", "/types", "/types/0"}
        assert await page(tx, merchant_id=None, after="", limit=1) == []


@pytest.mark.parametrize(
    "change,constraint",
    [
        ("deliveries set state = 'lost', due_at = null", "delivery_state_known"),
        ("deliveries set due_at = null", "delivery_open_is_due"),
        ("deliveries set state = 'failed', due_at = null", "delivery_ended_has_time"),
        ("deliveries set state = 'claimed'", "delivery_claimed_counts"),
        ("deliveries set attempts = 1", "delivery_attempts_in_claims"),
        ("deliveries set state = 'delivered', due_at = null, ended_at = now()", "delivery_delivered_was_tried"),
        ("deliveries set body = decode(repeat('00', 66561), 'hex')", "delivery_body_bounded"),
        ("endpoints set state = 'disabled', disabled_at = now()", "endpoint_disabled_says_why"),
        ("endpoints set disabled_reason = 'bored', state = 'disabled', disabled_at = now()", "endpoint_reason_known"),
        ("endpoints set types = '{}'", "endpoint_types_bounded"),
        ("endpoints set url = ''", "endpoint_url_bounded"),
        ("secrets set sealed = ''", "secret_sealed_bounded"),
    ],
)
async def test_what_cannot_be_cannot_be_stored(world: World, change: str, constraint: str) -> None:
    """Each illegal state is refused by a constraint that has a name."""
    await world.endpoint()
    await world.take(refunded())
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        world.rows(f"update webhooks.{change}")
    assert caught.value.diag.constraint_name == constraint
