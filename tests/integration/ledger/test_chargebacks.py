"""Chargebacks take back what refunds would, after the mint and beside a refund of the same purchase (I1, I8)."""

from datetime import timedelta

import msgspec
import pytest

from cashback.ledger.service import Statements
from cashback.purchases.model import Line, PurchaseAnswer
from cashback.purchases.model.refunds import RefundKind
from tests.integration.ledger.refunding import balance, give_back, give_back_lines, refunded, standing
from tests.integration.ledger.world import START, World, buy, minted_outcome

pytestmark = pytest.mark.invariant("I1", "I8")


@pytest.mark.parametrize("kinds", [("refund", "chargeback"), ("chargeback", "refund"), ("chargeback", "chargeback")])
async def test_a_chargeback_after_the_mint_is_owed_as_a_refund_is(world: World, kinds: tuple[str, str]) -> None:
    """Of 1.50 a part by the one and the rest by the other: all of it is owed, and the cashback reversed."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [purchase] = await world.record(buy(user, merchant, 10_000))
    await world.request()
    await world.settle(await minted_outcome(world))
    for kind, amount in zip(kinds, (3_333, 6_667), strict=True):
        await refunded(world, give_back(purchase, amount, kind=RefundKind(kind)))
    found = await standing(world, purchase)
    assert (found["state"], found["net_minor"], found["debt_units"]) == ("reversed", 0, 1_500_000)
    assert await balance(world, user.id, "minted") == 1_500_000
    await world.assert_books_prove()


LINES = (Line(amount_minor=6_000), Line(amount_minor=4_000))


async def of_two_lines(world: World, *, is_minted: bool) -> tuple[PurchaseAnswer, str]:
    """Give a purchase of 60.00 and 40.00, with 1.50 of cashback, and its user."""
    await world.programme()
    user = await world.user()
    [purchase] = await world.record(buy(user, await world.merchant(), 10_000, lines=LINES))
    if is_minted:
        await world.request()
        await world.settle(await minted_outcome(world))
    return purchase, user.id


@pytest.mark.parametrize("is_minted", [False, True], ids=["before the mint", "after the mint"])
async def test_a_chargeback_by_line_takes_that_lines_share_once_however_often_it_is_told(
    world: World, is_minted: bool
) -> None:
    """Beside a refund of the other line, in whichever order; the same chargeback again says the same."""
    purchase, user = await of_two_lines(world, is_minted=is_minted)
    charged = give_back_lines(purchase, (2, 4_000), kind=RefundKind.CHARGEBACK)
    first = await refunded(world, charged)
    assert await refunded(world, charged) == first
    assert (await standing(world, purchase))["net_minor"] == 90
    await refunded(world, give_back_lines(purchase, (1, 2_000)))
    found = await standing(world, purchase)
    assert (found["net_minor"], found["debt_units"]) == (60, 900_000 if is_minted else 0)
    await world.assert_books_prove()
    await refunded(world, give_back_lines(purchase, (1, 4_000), kind=RefundKind.CHARGEBACK))
    found = await standing(world, purchase)
    assert (found["state"], found["net_minor"]) == ("reversed" if is_minted else "voided", 0)
    assert await balance(world, user, "debt") == (-1_500_000 if is_minted else 0)
    await world.assert_books_prove()


@pytest.mark.parametrize("kinds", [("refund", "chargeback"), ("chargeback", "refund")])
@pytest.mark.parametrize("is_minted", [False, True], ids=["before the mint", "after the mint"])
async def test_what_ends_a_cashback_is_told_as_what_it_is(
    world: World, kinds: tuple[str, str], is_minted: bool
) -> None:
    """In the timeline and in the event, by the one that left nothing; both in one transaction as well as apart."""
    purchase, _ = await of_two_lines(world, is_minted=is_minted)
    parts = [
        give_back_lines(purchase, (line, amount), kind=RefundKind(kind))
        for kind, (line, amount) in zip(kinds, ((1, 6_000), (2, 4_000)), strict=True)
    ]
    await refunded(world, *parts)
    cause = "charged_back" if kinds[1] == "chargeback" else "refunded"
    assert (await world.readings.timeline(purchase.cashback.id))[-1].cause == cause
    events = await world.rows(
        "select type, data from purchases.outbox_events where type = 'purchase.refunded'"
        " union all select type, data from ledger.outbox_events where type = 'cashback.voided'"
    )
    bodies = [(type_, msgspec.json.decode(data)) for type_, data in events]
    assert [body["kind"] for type_, body in bodies if type_ == "purchase.refunded"] == list(kinds)
    voided = [body["reason"] for type_, body in bodies if type_ == "cashback.voided"]
    assert voided == ([] if is_minted else [cause])
    await world.assert_books_prove()


@pytest.mark.parametrize("is_minted", [False, True], ids=["before the mint", "after the mint"])
async def test_a_statement_tells_a_chargeback_as_what_it_is(world: World, is_minted: bool) -> None:
    """Beside a refund in the same transaction, which reads as a return; a part of it as well as what ends it."""
    purchase, user = await of_two_lines(world, is_minted=is_minted)
    await refunded(
        world, give_back_lines(purchase, (1, 6_000)), give_back_lines(purchase, (2, 2_000), kind=RefundKind.CHARGEBACK)
    )
    await refunded(world, give_back_lines(purchase, (2, 2_000), kind=RefundKind.CHARGEBACK))
    told = await Statements(world.auditor).page(user, since=START, until=START + timedelta(days=1))
    texts = [line.text for line in (*told.money_lines, *told.token_lines) if line.cause in ("refund", "void", "debt")]
    owed, charged = "Owed for something returned after its", "Owed for a payment that your bank took back after its"
    assert texts == (
        [f"{owed} tokens had gone out", *[f"{charged} tokens had gone out"] * 2]
        if is_minted
        else [
            "Less, because something was returned",
            "Less, because your bank took the payment back",
            "Cashback cancelled: your bank took the payment back",
        ]
    )
