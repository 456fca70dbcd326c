"""What a user bought at one merchant, or returned there: in whole pages, however much the merchant sells."""

from collections.abc import AsyncIterator
from typing import Final, cast

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order, Period, Stretch
from cashback.kernel.walk import WALK_MAX
from cashback.ledger import CashbackLists
from cashback.ledger.store import listing as earned
from cashback.purchases.model.listing import PurchaseFilter, RefundFilter
from cashback.purchases.model.refunds import RefundAnswer
from cashback.purchases.service import Lists
from cashback.purchases.service.listing import few_asked, few_returned
from cashback.purchases.store import listing
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.world import START, Dsns, World, buy, open_world
from tests.integration.purchases.much import LARGE, OF_SELDOM, SELDOM, Explained

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE: Final = 50
SALES: Final = """
    insert into purchases.purchases (id, merchant_id, user_id, amount_minor, currency, occurred_at, received_at,
        created_at)
    select 'pur_' || kind || lpad(nth::text, 25, '0'), %s, %s, 100, 'USD', now(), now(), now()
    from generate_series(1, %s) as nth, unnest(array['0', '7']) as kind
"""
RETURNS: Final = """
    insert into purchases.refunds (id, purchase_id, merchant_id, kind, reason, amount_minor, answer, created_at)
    select 'rfd_' || substr(id, 5), id, merchant_id, 'refund', 'sent back', 1, '{}', now()
    from purchases.purchases
    where user_id = %s
"""


async def test_ledger_and_purchases_call_the_same_number_a_few() -> None:
    """What REST promises of either list is one figure."""
    assert listing.FEW_MAX == earned.FEW_MAX == 1_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def much(filled: Dsns) -> AsyncIterator[World]:
    """Give a service in which much was bought and returned, which is only read."""
    async with open_world(filled) as service:
        yield service


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("seen_by", [LARGE, None])
@pytest.mark.parametrize(
    "asked,found",
    [
        pytest.param(PurchaseFilter(), OF_SELDOM, id="all"),
        pytest.param(PurchaseFilter(currency="USD"), OF_SELDOM, id="currency"),
        pytest.param(PurchaseFilter(currency="EUR"), 0, id="currency-of-none"),
        pytest.param(PurchaseFilter(occurred=Period(since=START)), OF_SELDOM, id="since"),
        pytest.param(PurchaseFilter(received=Period(until=START), currency="USD"), 0, id="before"),
    ],
)
async def test_a_users_purchases_at_a_merchant_are_found_among_these_alone(
    much: World, asked: PurchaseFilter, found: int, seen_by: str | None, order: Order
) -> None:
    """Whole pages one behind the other, whatever else is asked for: two rows are read for each purchase at the most."""
    wanted = msgspec.structs.replace(asked, merchant_id=LARGE, user_id=SELDOM)
    pages: list[list[str]] = []
    place: str | None = None
    while not pages or place is not None:
        async with much.api.transaction() as tx:
            explained = cast("Tx", seen := Explained(tx))
            among = await few_asked(explained, wanted)
            ids, place = await listing.purchases(
                explained, wanted, order=order, behind=place, limit=PAGE, seen_by=seen_by, among=among
            )
        assert seen.indexes() == {"cashback_bought", "purchases_pkey"}
        assert seen.is_by_indexes()
        assert seen.rows_read() <= 2 * OF_SELDOM
        pages.append(ids)
    stored = f"select id from purchases.purchases where merchant_id = %s and user_id = %s order by id {order}"
    assert [id_ for page in pages for id_ in page] == [row[0] for row in await much.rows(stored, LARGE, SELDOM)][:found]
    assert [len(page) for page in pages] == ([PAGE, PAGE, OF_SELDOM - 2 * PAGE] if found else [0])


@pytest.mark.parametrize(
    "merchant_id,user_id,index,read",
    [
        pytest.param(LARGE, "usr_000007", "cashback_bought", 0, id="of-others-alone"),
        pytest.param(LARGE, "usr_large", "cashback_bought", listing.FEW_MAX + 1, id="more-than-a-few"),
        pytest.param(None, "usr_large", "purchase_of_user", listing.FEW_MAX + 1, id="more-than-a-few-anywhere"),
    ],
)
async def test_no_more_is_read_to_know_whether_they_are_few(
    much: World, merchant_id: str | None, user_id: str, index: str, read: int
) -> None:
    """Nothing of what is bought elsewhere, and one row beyond the most of what is bought there."""
    async with much.api.transaction() as tx:
        explained = Explained(tx)
        among = await few_returned(cast("Tx", explained), RefundFilter(merchant_id=merchant_id, user_id=user_id))
    assert among == (None if read else [])
    assert explained.is_by_indexes()
    assert explained.indexes() == {index}
    assert explained.rows_read() == read


async def test_the_most_that_are_few_are_found_by_their_ids(much: World) -> None:
    """A thousand, each by its key and none besides."""
    rows = await much.rows("select id from purchases.purchases where user_id = 'usr_large' order by id limit 1000")
    among = [row[0] for row in rows]
    assert len(among) == listing.FEW_MAX
    async with much.api.transaction() as tx:
        explained = Explained(tx)
        ids, place = await listing.purchases(
            cast("Tx", explained),
            PurchaseFilter(merchant_id=LARGE, user_id="usr_large"),
            order=Order.DESC,
            behind=None,
            limit=PAGE,
            among=among,
        )
    assert (ids, place) == (among[: -PAGE - 1 : -1], among[-PAGE])
    assert explained.indexes() == {"purchases_pkey"}
    assert explained.rows_read() <= listing.FEW_MAX


async def test_a_shop_with_many_sales_has_whole_pages_of_what_one_user_bought_and_returned(dsns: Dsns) -> None:
    """In either order; and a cursor of an earlier release goes on, which may be of what somebody else bought."""
    async with open_world(dsns) as world:
        anna, bert, shop = await world.user(), await world.user(), await world.merchant()
        answers = await world.record(*[buy(anna, shop) for _ in range(5)], buy(anna, await world.merchant()))
        returned = [refund.id for refund in await refunded(world, *[give_back(answer, 1) for answer in answers])]
        await world.rows(SALES, shop.id, bert.id, WALK_MAX)
        await world.rows(RETURNS, bert.id)
        lists = Lists(world.api, CashbackLists(world.api))

        async def bought(stretch: Stretch) -> tuple[list[str], str | None]:
            """Return the purchases of a page as the shop sees it."""
            asked = PurchaseFilter(merchant_id=shop.id, user_id=anna.id)
            items, place = await lists.purchases(asked, stretch, seen_by=shop.id, expand=frozenset())
            return [item.id for item in items], place

        async def given_back(stretch: Stretch) -> tuple[list[str], str | None]:
            """Return the refunds of a page as the shop sees it."""
            return _told(await lists.refunds(RefundFilter(merchant_id=shop.id, user_id=anna.id), stretch))

        async def given_back_anywhere(stretch: Stretch) -> tuple[list[str], str | None]:
            """Return the refunds of a page as an operator sees it."""
            return _told(await lists.refunds(RefundFilter(user_id=anna.id), stretch))

        for read, kind, ids in (
            (bought, "pur", [answer.id for answer in answers[:5]]),
            (given_back, "rfd", returned[:5]),
            (given_back_anywhere, "rfd", returned),
        ):
            for order, end in ((Order.DESC, "7"), (Order.ASC, "0")):
                expected = sorted(ids, reverse=order is Order.DESC)
                for begun in (None, f"{kind}_{end}{1:025}"):
                    first, place = await read(Stretch(order=order, place=begun, limit=4))
                    assert (first, place) == (expected[:4], expected[3])
                    assert await read(Stretch(order=order, place=place, limit=4)) == (expected[4:], None)


def _told(page: tuple[list[RefundAnswer], str | None]) -> tuple[list[str], str | None]:
    """Return the ids of a page of refunds, which are told in the bytes of their answers, and the next place."""
    return [msgspec.json.decode(msgspec.json.encode(item))["id"] for item in page[0]], page[1]
