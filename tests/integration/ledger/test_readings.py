"""What others may read of the ledger."""

import pytest

from cashback.kernel.ids import new_id
from cashback.kernel.listing import Order, Stretch
from cashback.kernel.page import CursorInvalid
from cashback.ledger import CashbackFilter, CashbackList, CashbackLists, CashbackUnknown, State, explanation_of
from tests.integration.ledger.world import World, buy, minted_outcome


async def page_of(
    world: World, asked: CashbackFilter, *, limit: int = 100, place: str | None = None, seen_by: str | None = None
) -> CashbackList:
    """Return a page of cashbacks, newest first."""
    stretch = Stretch(order=Order.DESC, place=place, limit=limit)
    return await CashbackLists(world.api).page(asked, stretch, seen_by=seen_by)


async def test_a_list_is_read_page_by_page_newest_first(world: World) -> None:
    """Each page says where the next one starts, and what is recorded meanwhile disturbs none."""
    await world.programme()
    user, other, merchant = await world.user(), await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant) for _ in range(5)], buy(other, merchant))
    expected = sorted([answer.cashback.id for answer in answers[:5]], reverse=True)
    seen: list[str] = []
    place: str | None = None
    for size in (2, 2, 1):
        page = await page_of(world, CashbackFilter(user_id=user.id), limit=2, place=place)
        seen += [cashback.id for cashback in page.items]
        place = page.next_place
        assert len(page.items) == size
        await world.record(buy(user, merchant))
    assert (seen, place) == (expected, None)


async def test_a_merchant_sees_its_own_cashbacks_only(world: World) -> None:
    """The list of one merchant leaves out what was earned elsewhere."""
    await world.programme()
    user, one, two = await world.user(), await world.merchant(), await world.merchant()
    mine, _ = await world.record(buy(user, one), buy(user, two))
    page = await page_of(world, CashbackFilter(user_id=user.id, merchant_id=one.id), seen_by=one.id)
    assert [cashback.id for cashback in page.items] == [mine.cashback.id]


@pytest.mark.parametrize("place", ["", "x", "-1", "1.5", "9" * 30, "٣"])
async def test_a_place_that_is_none_of_ours_is_refused(world: World, place: str) -> None:
    """A cursor that was made up names no cashback."""
    with pytest.raises(CursorInvalid):
        await page_of(world, CashbackFilter(user_id=new_id("usr")), place=place)


async def test_a_balance_tells_where_everything_granted_is(world: World) -> None:
    """Waiting, in flight and minted together are what was granted (I1)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    first, second, _ = await world.record(buy(user, merchant), buy(user, merchant), buy(user, merchant))
    await world.request(first.cashback.id, second.cashback.id)
    await world.settle(await minted_outcome(world, first.cashback.id))
    wallet, [balance] = await world.readings.balances_of_user(user.id)
    assert (wallet, balance.currency) == (user.wallet, "USD")
    parts = [balance.granted, balance.waiting, balance.in_flight, balance.stuck, balance.minted]
    assert [part.cashbacks for part in parts] == [3, 1, 1, 0, 1]
    assert [part.amount for part in parts] == [450, 150, 150, 0, 150]
    assert [part.token_units for part in parts] == [4_500_000, 1_500_000, 1_500_000, 0, 1_500_000]
    assert await world.readings.balances_of_user(new_id("usr")) == (None, [])


async def test_all_that_was_requested_is_read_in_stretches_by_number(world: World) -> None:
    """Reconciliation walks over every mint without holding them all."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(*[buy(user, merchant) for _ in range(5)])
    await world.request()
    numbers: list[int] = []
    while stretch := await world.readings.mints(after_number=numbers[-1] if numbers else 0, limit=2):
        numbers += [cashback.mint_number for cashback in stretch if cashback.mint_number]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 5


async def test_a_stored_decision_explains_and_replays_itself(world: World) -> None:
    """The bytes in the table reproduce themselves, from nothing but themselves."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(buy(user, merchant), buy(user, merchant, 1), buy(user, merchant, currency="EUR"))
    for answer in answers:
        cashback = await world.readings.cashback(answer.cashback.id)
        assert await world.readings.replayed(cashback) == cashback.document
        assert explanation_of(cashback.document, cashback.state) == answer.cashback.explanation


async def test_an_unknown_cashback_is_not_found(world: World) -> None:
    """Well-formed ids of nothing."""
    for reading in (world.readings.cashback(new_id("cb")), world.readings.cashback_of_purchase(new_id("pur"))):
        with pytest.raises(CashbackUnknown):
            await reading
    assert await world.readings.timeline(new_id("cb")) == []
    assert await world.readings.cashbacks_of_purchases([]) == {}


async def test_a_declined_cashback_has_one_step_and_no_mint(world: World) -> None:
    """Its life ends where it begins."""
    await world.programme()
    [answer] = await world.record(buy(await world.user(), await world.merchant(), 1))
    [step] = await world.readings.timeline(answer.cashback.id)
    assert (step.from_state, step.to_state, step.cause) == (None, State.DECLINED, "below_minor_unit")
