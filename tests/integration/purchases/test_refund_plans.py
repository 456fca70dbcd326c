"""What lists of refunds read where there are many, of those that were applied and of those that wait."""

from collections.abc import AsyncIterator
from typing import Final, cast

import pytest
import pytest_asyncio

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order, Period
from cashback.purchases.model.listing import RefundFilter
from cashback.purchases.model.refunds import RefundKind
from cashback.purchases.service.listing import few_returned
from cashback.purchases.store import listing, refunds
from tests.integration.ledger.world import START, Dsns, World, open_world
from tests.integration.purchases.much import MERCHANTS, RETURNED, SELDOM, Explained

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE: Final = 50


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(filled: Dsns) -> AsyncIterator[World]:
    """Give a service in which much was bought and returned; all tests of this file only read."""
    async with open_world(filled) as service:
        yield service


@pytest.mark.parametrize(
    "asked,indexes",
    [
        pytest.param(RefundFilter(), {"refunds_pkey"}, id="all"),
        pytest.param(RefundFilter(merchant_id="mer_3"), {"refund_of_merchant"}, id="merchant"),
        pytest.param(
            RefundFilter(purchase_id="pur_000003", merchant_id="mer_3"), {"refund_by_purchase"}, id="purchase"
        ),
        pytest.param(RefundFilter(kind=RefundKind.REFUND), {"refunds_pkey"}, id="kind"),
        pytest.param(
            RefundFilter(merchant_id="mer_3", applied=Period(since=START)), {"refund_of_merchant"}, id="applied"
        ),
        pytest.param(
            # Since when each has waited, if it has, is looked up as the walk comes by.
            RefundFilter(merchant_id="mer_3", created=Period(since=START)),
            {"refund_of_merchant", "parked_refunds_pkey"},
            id="created",
        ),
    ],
)
async def test_refunds_are_found_by_an_index(world: World, asked: RefundFilter, indexes: set[str]) -> None:
    """Of everybody, of a merchant, of a purchase."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, _ = await listing.refunds(cast("Tx", explained), asked, order=Order.DESC, behind=None, limit=PAGE)
    assert len(ids) == (5 if asked.purchase_id else PAGE)
    assert explained.is_by_indexes()
    assert set() < explained.indexes() <= indexes
    assert explained.rows_read() <= 2 * PAGE


@pytest.mark.parametrize(
    "asked,by,indexes,found,most",
    [
        pytest.param(
            RefundFilter(merchant_id="mer_3", reference="return 3"),
            "refund_reference_once",
            {"refund_reference_once"},
            1,
            1,
            id="reference",
        ),
        pytest.param(
            RefundFilter(merchant_id="mer_3", user_id="usr_000003"),
            "cashback_bought",
            {"cashback_bought", "refund_by_purchase", "refunds_pkey", "purchases_pkey"},
            10,
            20 + 3 * 10,
            id="user",
        ),
        pytest.param(
            RefundFilter(merchant_id="mer_3", user_id="usr_000003", kind=RefundKind.CHARGEBACK),
            "cashback_bought",
            {"cashback_bought", "refund_by_purchase", "refunds_pkey", "purchases_pkey"},
            0,
            20 + 3 * 10,
            id="user-and-kind",
        ),
        pytest.param(
            RefundFilter(merchant_id="mer_3", user_id=SELDOM),
            "cashback_bought",
            {"cashback_bought"},
            0,
            0,
            id="user-of-others-alone",
        ),
        pytest.param(
            RefundFilter(user_id="usr_000003"),
            "purchase_of_user",
            {"purchase_of_user", "refund_by_purchase", "refunds_pkey", "purchases_pkey"},
            10,
            20 + 3 * 10,
            id="user-of-all",
        ),
    ],
)
@pytest.mark.parametrize("order", Order)
async def test_refunds_of_a_name_or_a_user_are_found_by_an_index(  # each named where it is asked for
    world: World, asked: RefundFilter, by: str, indexes: set[str], found: int, most: int, order: Order
) -> None:
    """Of a user's purchases those of the merchant that is asked for: nothing is read of what else that user bought."""
    async with world.api.transaction() as tx:
        explained = cast("Tx", seen := Explained(tx))
        among = await few_returned(explained, asked)
        ids, place = await listing.refunds(explained, asked, order=order, behind=None, limit=PAGE, among=among)
    assert (len(ids), place) == (found, None)
    assert ids == sorted(ids, reverse=order is Order.DESC)
    assert seen.is_by_indexes()
    # By what is asked for first, and of the others whichever the planner takes for so few.
    assert by in seen.indexes() <= indexes
    assert seen.rows_read() <= most


async def test_where_a_user_returned_more_than_a_few_the_merchants_own_are_walked_along(world: World) -> None:
    """A thousand refunds are found at once; of more than those, each has its purchase say whose it is."""
    asked = RefundFilter(merchant_id="mer_3", user_id="usr_000003")
    bought = [f"pur_{nth:06}" for nth in range(RETURNED // 5)]
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, _ = await listing.refunds(
            cast("Tx", explained), asked, order=Order.DESC, behind=None, limit=PAGE, among=bought
        )
    assert len(ids) == 10
    assert explained.is_by_indexes()
    assert {"refund_of_merchant", "purchases_pkey"} < explained.indexes()
    assert explained.rows_read() <= 2 * (listing.FEW_MAX + 1) + 2 * RETURNED // MERCHANTS


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    "merchant_id,index,found",
    [
        pytest.param(None, "parked_unapplied", PAGE, id="all"),
        pytest.param("mer_3", "parked_of_merchant", 4, id="merchant"),
        pytest.param("mer_none", "parked_of_merchant", 0, id="merchant-of-none"),
    ],
)
async def test_what_waits_is_found_without_what_was_applied(
    world: World, merchant_id: str | None, index: str, found: int, order: Order
) -> None:
    """What was applied stays in the table for good: a page passes none of it, nor anything of another merchant."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, place = await listing.parked(cast("Tx", explained), merchant_id, order=order, behind=None, limit=PAGE)
        waiting = await refunds.read_parked(cast("Tx", explained), ids)
    assert len(ids) == found
    assert waiting.keys() == set(ids)
    assert ids == sorted(ids, reverse=order is Order.DESC)
    assert place == (ids[-1] if found == PAGE else None)
    assert explained.is_by_indexes()
    assert index in explained.indexes()
    assert explained.rows_read() <= 2 * PAGE + 1


async def test_refunds_of_a_page_of_purchases_are_read_by_purchase(world: World) -> None:
    """No more of each than are told."""
    ids = [f"pur_{nth:06}" for nth in range(200)]
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        found = await listing.first_refunds(cast("Tx", explained), ids, most=3)
    assert {len(answers) for answers in found.values()} == {3}
    assert explained.is_by_indexes()
    assert explained.rows_read() <= 200 * 3
