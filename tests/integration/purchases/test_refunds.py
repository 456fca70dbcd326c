"""Refunds as commands: made once, refused with their place, in any order, before their purchase as well (I7)."""

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest

from cashback.events import decode
from cashback.events.purchases import PurchaseRefunded
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import new_id
from cashback.kernel.listing import Order, Stretch
from cashback.purchases.model import (
    FieldInvalid,
    KeyReused,
    Line,
    MerchantUnknown,
    NotYours,
    PurchaseUnknown,
    Recorded,
    Refused,
)
from cashback.purchases.model.refunds import (
    LineUnknown,
    NewRefund,
    PurchaseAmbiguous,
    RefundAboveLine,
    RefundAbovePurchase,
    RefundAnswer,
    RefundExists,
    RefundKind,
    RefundLine,
    RefundState,
)
from cashback.purchases.service.parked_answers import as_applied
from cashback.purchases.service.parking import PARKED_FOR
from tests.integration.ledger.refunding import ahead_of, give_back, give_back_lines, refunded, refunds_of, standing
from tests.integration.ledger.world import Dsns, World, buy, decoded, new_key, open_world

ALIKE = """
insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at,
                                 created_at, is_named)
select %s, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at, created_at, false
from purchases.purchases
where id = %s
"""
ALL = Stretch(order=Order.ASC, place=None, limit=100)
LINES = (Line(amount_minor=6_000, sku="A-1"), Line(amount_minor=999))


async def refusal(world: World, refund: NewRefund) -> Rejected:
    """Return why a refund is refused."""
    [outcome] = await refunds_of(world).refund([refund])
    assert isinstance(outcome, Refused), outcome
    return outcome.error


@pytest.mark.invariant("I7")
async def test_a_refund_is_made_once_and_answered_alike(world: World) -> None:
    """Under its key: the same again is a replay, even when nothing is left; another request is refused (I7)."""
    await world.programme()
    [purchase] = await world.record(buy(await world.user(), await world.merchant()))
    refund = give_back(purchase, 6_000)
    other = msgspec.structs.replace(refund, amount_minor=5_999)
    first, twice, reused = await refunds_of(world).refund([refund, refund, other])
    assert isinstance(first, Recorded)
    assert twice == Recorded(first.answer, is_replay=True)
    assert isinstance(reused, Refused)
    assert isinstance(reused.error, KeyReused)
    await refunded(world, give_back(purchase, 4_000))
    assert await refunds_of(world).refund([refund]) == [Recorded(first.answer, is_replay=True)]
    assert await world.one("select count(*) from purchases.refunds") == 2
    assert (await standing(world, purchase))["net_minor"] == 0


async def test_a_refund_is_told_with_what_it_left(world: World) -> None:
    """One event of the purchase, in the transaction of the refund."""
    await world.programme()
    [purchase] = await world.record(buy(await world.user(), await world.merchant(), reference="A-17"))
    [answer] = await refunded(world, give_back(purchase, 3_333, kind=RefundKind.CHARGEBACK, reference="R-1"))
    [event] = await world.events("purchases", "purchase.refunded")
    assert event.key == purchase.id
    assert decode(event.data, PurchaseRefunded, version=1) == PurchaseRefunded(
        refund_id=answer.id,
        purchase_id=purchase.id,
        merchant_id=purchase.merchant_id,
        user_id=purchase.user_id,
        kind="chargeback",
        amount_minor="3333",
        currency="USD",
        cashback_id=purchase.cashback.id,
        net_minor="100",
        cashback_currency="USD",
        debt_units="0",
        reference="R-1",
        purchase_reference="A-17",
    )
    assert await refunds_of(world).show(answer.id, merchant_id=None) == answer


@pytest.mark.parametrize(
    "changes, kind, pointer",
    [
        ({"amount_minor": 7_000}, RefundAbovePurchase, "/amount_minor"),
        ({"amount_minor": 0}, FieldInvalid, "/amount_minor"),
        ({"amount_minor": None}, FieldInvalid, "/amount_minor"),
        ({"reason": ""}, FieldInvalid, "/reason"),
        ({"reference": "x" * 201}, FieldInvalid, "/reference"),
        ({"purchase_reference": "A"}, FieldInvalid, "/purchase_id"),
        ({"purchase_id": new_id("pur")}, PurchaseUnknown, "/purchase_id"),
        ({"purchase_id": "pur_1"}, PurchaseUnknown, "/purchase_id"),
        ({"merchant_id": new_id("mer")}, PurchaseUnknown, "/purchase_id"),
        ({"purchase_id": None, "purchase_reference": "A"}, FieldInvalid, "/merchant_id"),
        ({"owner": new_id("mer")}, NotYours, "/merchant_id"),
        (
            {"purchase_id": None, "purchase_reference": "A", "merchant_id": new_id("mer")},
            MerchantUnknown,
            "/merchant_id",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(
    world: World, changes: dict[str, object], kind: type[Rejected], pointer: str
) -> None:
    """Nothing of it is stored."""
    [purchase] = await world.record(buy(await world.user(), await world.merchant(), 6_999, lines=LINES))
    error = await refusal(world, msgspec.structs.replace(give_back(purchase), **changes))
    assert (type(error), error.fields["pointer"]) == (kind, pointer)
    assert await world.one("select count(*) from purchases.refunds") == 0
    assert await world.one("select count(*) from purchases.parked_refunds") == 0


@pytest.mark.parametrize(
    "lines, kind, pointer",
    [
        ([(2, 1_000)], RefundAboveLine, "/lines/0/amount_minor"),
        ([(1, 1), (3, 1)], LineUnknown, "/lines/1/line"),
        ([(0, 1)], LineUnknown, "/lines/0/line"),
        ([(1, 1), (1, 1)], FieldInvalid, "/lines/1/line"),
        ([(1, 0)], FieldInvalid, "/lines/0/amount_minor"),
        ([], FieldInvalid, "/lines"),
        ([(1, 5_000)], RefundAbovePurchase, "/lines"),
    ],
)
async def test_lines_that_cannot_be_returned_are_refused_with_their_place(
    world: World, lines: list[tuple[int, int]], kind: type[Rejected], pointer: str
) -> None:
    """20.00 of 69.99 are returned by amount already."""
    [purchase] = await world.record(buy(await world.user(), await world.merchant(), 6_999, lines=LINES))
    await refunded(world, give_back(purchase, 2_000))
    error = await refusal(world, give_back_lines(purchase, *lines))
    assert (type(error), error.fields["pointer"]) == (kind, pointer)


async def test_one_refund_too_many_of_a_batch_harms_no_other(world: World) -> None:
    """The third would be above the purchase; the one after it fits."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    one, other = await world.record(buy(user, merchant), buy(user, merchant))
    outcomes = await refunds_of(world).refund(
        [give_back(one, 6_000), give_back(other), give_back(one, 5_000), give_back(one, 4_000)]
    )
    assert [isinstance(outcome, Recorded) for outcome in outcomes] == [True, True, False, True]
    assert [(await standing(world, each))["state"] for each in (one, other)] == ["voided", "voided"]
    await world.assert_books_prove()


async def test_concurrent_refunds_never_return_more_than_was_bought(dsns: Dsns, world: World) -> None:
    """Two processes return 30.00 of 100.00 eight times: three times it is done."""
    await world.programme()
    [purchase] = await world.record(buy(await world.user(), await world.merchant()))
    async with open_world(dsns) as other:
        outcomes = await asyncio.gather(
            *[refunds_of(each).refund_one(give_back(purchase, 3_000)) for each in (world, other) for _ in range(4)]
        )
    assert sum(isinstance(outcome, Recorded) for outcome in outcomes) == 3
    refused = [outcome.error for outcome in outcomes if isinstance(outcome, Refused)]
    assert {type(error) for error in refused} == {RefundAbovePurchase}
    assert (await standing(world, purchase))["net_minor"] == 15
    await world.assert_books_prove()


async def test_the_merchants_own_name_of_a_refund_is_a_second_wall(dsns: Dsns, world: World) -> None:
    """Another key does not make it another refund: one after the other, in one batch, or at once."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    one, other = await world.record(buy(user, merchant), buy(user, merchant))
    first, beside = await refunds_of(world).refund(
        [give_back(one, 100, reference="R-1"), give_back(one, 100, reference="R-1")]
    )
    assert isinstance(first, Recorded)
    assert isinstance(beside, Refused)
    assert (type(beside.error), beside.error.fields) == (RefundExists, {"pointer": "/reference"})
    later = await refusal(world, give_back(other, 100, reference="R-1"))
    assert (type(later), later.fields["refund_id"]) == (RefundExists, decoded(first, RefundAnswer).id)
    async with open_world(dsns) as process:
        outcomes = await asyncio.gather(
            refunds_of(world).refund_one(give_back(one, 100, reference="R-2")),
            refunds_of(process).refund_one(give_back(other, 100, reference="R-2")),
        )
    assert sorted(isinstance(outcome, Recorded) for outcome in outcomes) == [False, True]
    [late] = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    [made] = [outcome for outcome in outcomes if isinstance(outcome, Recorded)]
    assert (type(late.error), late.error.fields["refund_id"]) == (RefundExists, decoded(made, RefundAnswer).id)


async def test_a_purchase_goes_by_its_merchants_name_unless_several_have_it(world: World) -> None:
    """With two of one name, as there may be from before a name was the name of one, only an id tells which."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [purchase] = await world.record(buy(user, merchant, reference="A-1"))
    [answer] = await refunded(world, ahead_of(merchant, "A-1", 1_000))
    assert (answer.state, answer.purchase_id) == (RefundState.APPLIED, purchase.id)
    await world.rows(ALIKE, new_id("pur"), purchase.id)
    error = await refusal(world, ahead_of(merchant, "A-1", 1_000))
    assert (type(error), error.fields["pointer"]) == (PurchaseAmbiguous, "/purchase_reference")


async def test_a_refund_before_its_purchase_is_applied_when_that_comes(world: World) -> None:
    """Two were parked: one takes it all, so the other is refused by the purchase, and listed with the reason."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    parked, second = await refunded(
        world, ahead_of(merchant, "A-1", 10_000, reference="R-1"), ahead_of(merchant, "A-1", 1)
    )
    assert (parked.state, parked.purchase_id, parked.cashback) == (RefundState.PARKED, None, None)
    assert await world.events("purchases", "purchase.refunded") == []
    [purchase] = await world.record(buy(user, merchant, reference="A-1"))
    assert purchase.cashback.state == "voided"
    assert (await standing(world, purchase))["net_minor"] == 0
    assert await world.events("ledger", "cashback.approved") == []
    shown = await refunds_of(world).show(parked.id, merchant_id=None)
    assert (shown.state, shown.purchase_id, shown.reference) == (RefundState.APPLIED, purchase.id, "R-1")
    [left], _ = await refunds_of(world).parked(None, ALL)
    assert (left.id, left.state, left.code) == (second.id, RefundState.REFUSED, "refund_above_purchase")
    told = [event.type for event in await world.events("purchases", "purchase.refunded")]
    assert told == ["purchase.refunded"]
    await world.assert_books_prove()


async def test_a_refund_of_before_two_instants_were_kept_is_told_with_both(world: World) -> None:
    """Its stored answer has when it was applied alone; since when it had waited stands where it was parked."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await refunded(world, ahead_of(merchant, "B-2", 100))
    asked = world.clock.now()
    world.clock.advance(timedelta(hours=1))
    [purchase] = await world.record(buy(user, merchant, reference="B-2"))
    await refunded(world, give_back(purchase, 100))
    stored = [row[0] for row in await world.rows("select answer from purchases.refunds order by position")]
    whole = [msgspec.json.decode(answer) for answer in stored]
    assert [datetime.fromisoformat(one["created_at"]) for one in whole] == [asked, world.clock.now()]
    old = [msgspec.json.encode(one | {"created_at": one.pop("applied_at")}) for one in whole]
    async with world.api.transaction() as tx:
        assert await as_applied(tx, old) == stored
        assert await as_applied(tx, stored) == stored


async def test_a_parked_refund_of_lines_knows_them_when_its_purchase_comes(world: World) -> None:
    """An unknown line is refused then; a known one shrinks the cashback, which is approved all the same."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    by_lines = ahead_of(merchant, "A-1", 1, amount_minor=None, lines=(RefundLine(line=2, amount_minor=999),))
    unknown = msgspec.structs.replace(by_lines, key=new_key(), lines=(RefundLine(line=3, amount_minor=1),))
    parked, refused = await refunded(world, by_lines, unknown)
    [purchase] = await world.record(buy(user, merchant, 6_999, lines=LINES, reference="A-1"))
    assert purchase.cashback.state == "approved"
    assert (await standing(world, purchase))["payable_minor"] == 90
    assert (await refunds_of(world).show(parked.id, merchant_id=None)).lines == parked.lines
    assert (await refunds_of(world).show(refused.id, merchant_id=None)).code == "line_unknown"
    await world.assert_books_prove()


async def test_a_parked_refund_that_waited_too_long_is_for_a_person(world: World) -> None:
    """It is listed as lapsed, and its purchase, when it comes after all, is not touched."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [parked] = await refunded(world, ahead_of(merchant, "A-1", 10_000))
    world.clock.advance(PARKED_FOR + timedelta(seconds=1))
    [purchase] = await world.record(buy(user, merchant, reference="A-1"))
    assert (await standing(world, purchase))["state"] == "approved"
    assert (await refunds_of(world).show(parked.id, merchant_id=merchant.id)).state is RefundState.LAPSED


async def test_a_refund_and_its_purchase_at_once_always_meet(dsns: Dsns, world: World) -> None:
    """Twenty of each, from two processes: whichever comes first, no refund is left waiting for what is there."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    names = [f"A-{number}" for number in range(20)]
    async with open_world(dsns) as other:
        await asyncio.gather(
            *[world.purchases.record_one(buy(user, merchant, reference=name)) for name in names],
            *[refunds_of(other).refund_one(ahead_of(merchant, name, 10_000)) for name in names],
        )
    assert await refunds_of(world).parked(None, ALL) == ([], None)
    assert await world.one("select sum(net_minor) from ledger.cashback_ledger") == 0
    await world.assert_books_prove()
